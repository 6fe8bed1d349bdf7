// SPDX-License-Identifier: Apache-2.0
#include "daemon/http_check.h"

#include <string.h>

#include "daemon/http_words.h"

static const char *header(struct MHD_Connection *c, const char *name)
{
	return MHD_lookup_connection_value(c, MHD_HEADER_KIND, name);
}

struct count_arg {
	const char *name;
	unsigned int n;
};

static enum MHD_Result count_header(void *cls, enum MHD_ValueKind kind, const char *key,
				    const char *value)
{
	struct count_arg *a = cls;

	(void)kind;
	(void)value;
	a->n += key && strcasecmp(key, a->name) == 0;
	return MHD_YES;
}

/* How often a header is there: of two, each reader may believe another. */
static unsigned int count_headers(struct MHD_Connection *c, const char *name)
{
	struct count_arg a = { .name = name };

	MHD_get_connection_values(c, MHD_HEADER_KIND, count_header, &a);
	return a.n;
}

/* 0: it leads here by a name of ours; else the status. A client of HTTP/1.0 may name none. */
static unsigned int check_host(const struct http *h, struct MHD_Connection *c, const char **why)
{
	const char *host = header(c, MHD_HTTP_HEADER_HOST);

	if (!host)
		return 0;
	*why = "there are two Host headers";
	if (count_headers(c, MHD_HTTP_HEADER_HOST) > 1)
		return MHD_HTTP_BAD_REQUEST;
	*why = "this is not a name of this server; `hosts` of loiter.conf adds one";
	return http_host_is_ours(host, (const char *const *)h->hosts, h->n_hosts) ?
		0 : MHD_HTTP_MISDIRECTED_REQUEST;
}

bool http_has_body(struct MHD_Connection *c)
{
	const char *length = header(c, MHD_HTTP_HEADER_CONTENT_LENGTH);

	return header(c, MHD_HTTP_HEADER_TRANSFER_ENCODING) || (length && strcmp(length, "0") != 0);
}

static unsigned int check_method(const char *method, const char **why)
{
	*why = "GET and HEAD are all that is served";
	return strcmp(method, MHD_HTTP_METHOD_GET) == 0 ||
	       strcmp(method, MHD_HTTP_METHOD_HEAD) == 0 ? 0 : MHD_HTTP_METHOD_NOT_ALLOWED;
}

static bool has_token(struct http *h, struct MHD_Connection *c)
{
	const char *bearer = http_bearer(header(c, MHD_HTTP_HEADER_AUTHORIZATION));
	char *password = NULL, *user = NULL;
	bool has = false;

	if (!bearer)
		user = MHD_basic_auth_get_username_password(c, &password);
	pthread_mutex_lock(&h->access_lock);
	if (bearer || password)
		has = http_access_has_token(&h->access, bearer ? bearer : password);
	pthread_mutex_unlock(&h->access_lock);
	MHD_free(user);
	MHD_free(password);
	return has;
}

static bool has_certificate(struct MHD_Connection *c)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(c, MHD_CONNECTION_INFO_GNUTLS_SESSION);

	return info && info->tls_session && http_access_has_certificate(info->tls_session);
}

static unsigned int check_access(struct http *h, struct MHD_Connection *c, const char **why)
{
	if ((!h->token_file && !h->certificates) || (h->certificates && has_certificate(c)) ||
	    (h->token_file && has_token(h, c)))
		return 0;
	*why = h->token_file ? "a token is needed, in the header Authorization: Bearer TOKEN" :
			       "a client certificate by the authority of this server is needed";
	return h->token_file ? MHD_HTTP_UNAUTHORIZED : MHD_HTTP_FORBIDDEN;
}

/* A link may lead to what is read, but to a stop only from a page of ours. */
static unsigned int check_origin(struct MHD_Connection *c, bool stops, const char **why)
{
	*why = "a page of another server asks for this";
	return http_is_cross_site(header(c, "Sec-Fetch-Site"), header(c, "Sec-Fetch-Mode"), stops) ?
		MHD_HTTP_FORBIDDEN : 0;
}

unsigned int http_check(struct http *h, struct MHD_Connection *c, const struct http_check *of,
			const char **why)
{
	unsigned int status = check_host(h, c, why);

	if (!status)
		status = check_method(of->method, why);
	if (!status && !of->open)
		status = check_access(h, c, why);
	if (!status)
		status = check_origin(c, of->stops, why);
	return status;
}
