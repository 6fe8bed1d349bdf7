// SPDX-License-Identifier: Apache-2.0
#include "daemon/http_reply.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/http_servers.h"
#include "report/line.h"

#define PLAIN "text/plain; charset=utf-8"

/* What each errno is to who asked, and the sentence where nobody had one. */
static const struct status_row {
	int err;
	unsigned int status;
	const char *why;
} status_rows[] = {
	{ EINVAL, MHD_HTTP_BAD_REQUEST, "the request is malformed" },
	{ ENOENT, MHD_HTTP_NOT_FOUND, "there is no such page" },
	{ ESRCH, MHD_HTTP_NOT_FOUND, "there is no such process, or no more" },
	{ ESTALE, MHD_HTTP_NOT_FOUND, "another program runs there now" },
	{ ENODATA, MHD_HTTP_NOT_FOUND, "this process has nothing of the kind" },
	{ EPERM, MHD_HTTP_FORBIDDEN, "permission denied" },
	{ EACCES, MHD_HTTP_FORBIDDEN, "permission denied" },
	{ EOPNOTSUPP, MHD_HTTP_NOT_IMPLEMENTED, "not supported for this process" },
	{ EBADMSG, MHD_HTTP_BAD_GATEWAY, "the process's bytes are malformed" },
	{ EPROTO, MHD_HTTP_BAD_GATEWAY, "the look at this process came to a bad end" },
	{ EFAULT, MHD_HTTP_BAD_GATEWAY, "the process's memory cannot be read" },
	{ EBUSY, MHD_HTTP_SERVICE_UNAVAILABLE, "too much is being looked at; try again" },
	{ EDEADLK, MHD_HTTP_SERVICE_UNAVAILABLE, "a look at this process hangs still" },
	{ EMFILE, MHD_HTTP_SERVICE_UNAVAILABLE, "descriptors are short" },
	{ EIO, MHD_HTTP_SERVICE_UNAVAILABLE, "the look was broken off; try again" },
	{ ECANCELED, MHD_HTTP_SERVICE_UNAVAILABLE, "loiter is being stopped" },
	{ EAGAIN, MHD_HTTP_SERVICE_UNAVAILABLE, "it changed faster than it could be read" },
	{ ENOMEM, MHD_HTTP_SERVICE_UNAVAILABLE, "memory is short" },
	{ ESHUTDOWN, MHD_HTTP_SERVICE_UNAVAILABLE, "loiter is being stopped" },
	{ ETIMEDOUT, MHD_HTTP_GATEWAY_TIMEOUT, "the process could not be read in time" },
};

static const struct status_row *find_row(int err)
{
	static const struct status_row other = { 0, MHD_HTTP_INTERNAL_SERVER_ERROR,
						 "the look at this process failed" };

	for (size_t i = 0; i < ARRAY_SIZE(status_rows); i++)
		if (status_rows[i].err == -err)
			return &status_rows[i];
	return &other;
}

unsigned int http_reply_status(int err)
{
	return find_row(err)->status;
}

static const char *why_of(unsigned int status)
{
	for (size_t i = 0; i < ARRAY_SIZE(status_rows); i++)
		if (status_rows[i].status == status)
			return status_rows[i].why;
	return find_row(0)->why;
}

static void add_headers(const struct http *h, struct MHD_Response *response,
			const struct http_reply *reply)
{
	const struct http_header all[] = {
		{ MHD_HTTP_HEADER_CONTENT_TYPE, reply->type },
		{ MHD_HTTP_HEADER_CACHE_CONTROL, reply->tag ? "no-cache" : "no-store" },
		{ MHD_HTTP_HEADER_ETAG, reply->tag },
		{ "Content-Security-Policy", h->csp },
		{ "X-Content-Type-Options", "nosniff" },
		{ "Referrer-Policy", "no-referrer" },
		{ "Cross-Origin-Resource-Policy", "same-origin" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		if (all[i].value)
			MHD_add_response_header(response, all[i].name, all[i].value);
	for (size_t i = 0; i < HTTP_HEADERS && reply->headers[i].name; i++)
		MHD_add_response_header(response, reply->headers[i].name,
					reply->headers[i].value);
}

static void keep(void *arg)
{
	(void)arg;
}

enum MHD_Result http_reply_send(struct http *h, struct MHD_Connection *c,
				const struct http_reply *reply)
{
	static char nothing[1];
	void (*done)(void *) = reply->done ? reply->done : keep;
	struct MHD_Response *response = MHD_create_response_from_buffer_with_free_callback_cls(
		reply->len, reply->bytes ? (void *)reply->bytes : nothing, done, reply->done_arg);
	enum MHD_Result r;

	if (!response) {
		done(reply->done_arg);
		return MHD_NO;
	}
	add_headers(h, response, reply);
	/* Its next request is to come by the certificates of today. */
	if (http_servers_is_old(h, c))
		MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
	r = MHD_queue_response(c, reply->status, response);
	MHD_destroy_response(response);
	return r;
}

static void name_peer(struct MHD_Connection *c, char *ret, size_t size)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(c, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	const struct sockaddr *at = info ? info->client_addr : NULL;

	snprintf(ret, size, "?");
	if (at && at->sa_family == AF_INET)
		inet_ntop(AF_INET, &((const struct sockaddr_in *)at)->sin_addr, ret,
			  (socklen_t)size);
	else if (at && at->sa_family == AF_INET6)
		inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)at)->sin6_addr, ret,
			  (socklen_t)size);
}

static void note(struct http *h, struct MHD_Connection *c, unsigned int status, const char *why)
{
	char peer[INET6_ADDRSTRLEN];

	atomic_fetch_add(status >= 500 ? &h->failed : &h->refused, 1);
	if (!h->note)
		return;
	name_peer(c, peer, sizeof(peer));
	h->note(h->note_arg, status, peer, why);
}

/* What RFC 9110 wants with each. How many there are. */
static size_t add_status_headers(unsigned int status, struct http_header *ret)
{
	switch (status) {
	case MHD_HTTP_METHOD_NOT_ALLOWED:
		ret[0] = (struct http_header){ MHD_HTTP_HEADER_ALLOW, "GET, HEAD" };
		return 1;
	case MHD_HTTP_UNAUTHORIZED:
		/* The second is what browsers know: its password is the token. */
		ret[0] = (struct http_header){ MHD_HTTP_HEADER_WWW_AUTHENTICATE,
					       "Bearer realm=\"loiter\"" };
		ret[1] = (struct http_header){ MHD_HTTP_HEADER_WWW_AUTHENTICATE,
					       "Basic realm=\"loiter\", charset=\"UTF-8\"" };
		return 2;
	case MHD_HTTP_SERVICE_UNAVAILABLE:
		ret[0] = (struct http_header){ MHD_HTTP_HEADER_RETRY_AFTER, "2" };
		return 1;
	default:
		return 0;
	}
}

/* Each byte of a diag may become four. */
enum { SENTENCE_MAX = 4 * sizeof(struct diag) + 8 };

static size_t make_sentence(const struct diag *d, unsigned int status, char ret[SENTENCE_MAX])
{
	char what[4 * sizeof(d->what)], why[4 * sizeof(d->why)], hint[4 * sizeof(d->hint)];

	text_escape(d->what, what, sizeof(what));
	text_escape(*d->why ? d->why : why_of(status), why, sizeof(why));
	text_escape(d->hint, hint, sizeof(hint));
	return (size_t)snprintf(ret, SENTENCE_MAX, "%s%s%s%s%s\n", what, *what ? ": " : "", why,
				*hint ? "; " : "", hint);
}

enum MHD_Result http_reply_problem(struct http *h, struct MHD_Connection *c, unsigned int status,
				   bool pprof, const struct diag *d)
{
	char *sentence = malloc(SENTENCE_MAX);
	struct http_reply reply;
	size_t len, n;

	if (!sentence)
		return MHD_NO;
	len = make_sentence(d, status, sentence);
	note(h, c, status, *d->why ? d->why : why_of(status));
	reply = (struct http_reply){ .status = status, .type = PLAIN, .bytes = sentence,
				     .len = len, .done = free, .done_arg = sentence };
	n = add_status_headers(status, reply.headers);
	if (pprof)
		reply.headers[n] = (struct http_header){ "X-Go-Pprof", "1" };
	return http_reply_send(h, c, &reply);
}
