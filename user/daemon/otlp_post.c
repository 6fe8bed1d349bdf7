// SPDX-License-Identifier: Apache-2.0
#include "daemon/otlp_post.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <curl/curl.h>

#include "report/line.h"

enum {
	KINDS = OTLP_LOGS + 1,
	TIMEOUT_S = 10,
	CONNECT_S = 5,
	POLL_MS = 1000,		/* a wakeup ends it sooner */
	AFTER_MAX_S = 600,	/* that a collector may ask for */
};

struct otlp_post {
	CURLM *multi;
	CURL *easy;
	struct curl_slist *headers;
	char *url[KINDS], *base;
	char error[CURL_ERROR_SIZE];
	atomic_bool aborted;
	/* Of the answer at hand. */
	char body[OTLP_REPLY_BYTES];
	size_t len;
	bool too_long;
};

const char *otlp_post_url(const struct otlp_post *p)
{
	return p->base;
}

/* --- What the configuration says --- */

/* A part of the URL that must be there, or must not. */
static int check_part(CURLU *u, CURLUPart part, bool wanted, const char *what, struct diag *d)
{
	char *value = NULL;
	CURLUcode c = curl_url_get(u, part, &value, 0);
	bool is_there = c == CURLUE_OK && value && *value;

	curl_free(value);
	if (is_there == wanted)
		return 0;
	return diag_fail(d, -EINVAL, wanted ? "the URL has no %s" : "the URL may have no %s", what);
}

static int check_url(CURLU *u, struct diag *d)
{
	char *scheme = NULL;
	bool web;
	int r;

	if (curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK)
		return diag_fail(d, -EINVAL, "the URL says neither http nor https");
	web = strcasecmp(scheme, "http") == 0 || strcasecmp(scheme, "https") == 0;
	curl_free(scheme);
	if (!web)
		return diag_fail(d, -EINVAL, "the URL says neither http nor https");
	r = check_part(u, CURLUPART_HOST, true, "host", d);
	/* A command line and a log show a URL; a header may come from a file. */
	if (r == 0)
		r = check_part(u, CURLUPART_USER, false, "user or password; give a header", d);
	if (r == 0)
		r = check_part(u, CURLUPART_PASSWORD, false, "user or password; give a header", d);
	if (r == 0)
		r = check_part(u, CURLUPART_QUERY, false, "query", d);
	if (r == 0)
		r = check_part(u, CURLUPART_FRAGMENT, false, "fragment", d);
	return r;
}

static int set_urls(struct otlp_post *p, const char *url, struct diag *d)
{
	static const char *const paths[KINDS] = { [OTLP_METRICS] = "/v1/metrics",
						  [OTLP_LOGS] = "/v1/logs" };
	CURLU *u = curl_url();
	size_t n = strlen(url);
	int r;

	if (!u)
		return -ENOMEM;
	r = curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK ? check_url(u, d) :
		diag_fail(d, -EINVAL, "that is no URL, as http://127.0.0.1:4318 is one");
	curl_url_cleanup(u);
	if (r < 0)
		return r;
	while (n && url[n - 1] == '/')
		n--;
	for (int i = 0; i < KINDS; i++)
		if (asprintf(&p->url[i], "%.*s%s", (int)n, url, paths[i]) < 0)
			p->url[i] = NULL;
	p->base = strndup(url, n);
	return p->base && p->url[OTLP_METRICS] && p->url[OTLP_LOGS] ? 0 : -ENOMEM;
}

static int add_header(struct otlp_post *p, const char *header)
{
	struct curl_slist *longer = curl_slist_append(p->headers, header);

	if (!longer)
		return -ENOMEM;
	p->headers = longer;
	return 0;
}

/* Those that say what follows them are ours. */
static bool is_ours(const char *name, size_t n)
{
	static const char *const ours[] = {
		"content-type", "content-encoding", "content-length", "transfer-encoding",
		"host", "connection", "expect",
	};

	for (size_t i = 0; i < ARRAY_SIZE(ours); i++)
		if (n == strlen(ours[i]) && strncasecmp(name, ours[i], n) == 0)
			return true;
	return false;
}

/* A value is not repeated in a message: it may be a secret. */
static int check_header(const char *header, struct diag *d)
{
	static const char token[] = "!#$%&'*+-.^_`|~0123456789"
				    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
	size_t n = strspn(header, token);

	if (!n || header[n] != ':')
		return diag_fail(d, -EINVAL, "a header is not like \"Name: value\"");
	if (is_ours(header, n))
		return diag_fail(d, -EINVAL, "the header %.*s is not to be chosen", (int)n, header);
	/* Without a value libcurl would take one away. */
	if (!header[n + 1 + strspn(header + n + 1, " \t")])
		return diag_fail(d, -EINVAL, "the header %.*s has no value", (int)n, header);
	for (const char *s = header + n + 1; *s; s++)
		if ((unsigned char)*s < 0x20 && *s != '\t')
			return diag_fail(d, -EINVAL, "the header %.*s has control characters",
					 (int)n, header);
	return 0;
}

static int set_headers(struct otlp_post *p, const struct otlp_config *c, struct diag *d)
{
	/* The last one: not to wait for a 100 before the body. */
	static const char *const ours[] = { "Content-Type: application/x-protobuf",
					    "Content-Encoding: gzip", "Expect:" };
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(ours) && r == 0; i++)
		r = add_header(p, ours[i]);
	for (uint32_t i = 0; i < c->n_headers && r == 0; i++) {
		r = check_header(c->headers[i], d);
		if (r == 0)
			r = add_header(p, c->headers[i]);
	}
	return r;
}

/* --- libcurl --- */

/* Refuses what is over: the rest of the answer is then not waited for. */
static size_t take_body(char *bytes, size_t size, size_t n, void *ctx)
{
	struct otlp_post *p = ctx;

	n *= size;
	if (n > sizeof(p->body) - p->len) {
		p->too_long = true;
		return 0;
	}
	memcpy(p->body + p->len, bytes, n);
	p->len += n;
	return n;
}

/* libcurl's own limit of headers is above what one line of ours would ever need. */
static int set_options(struct otlp_post *p, const struct otlp_config *c)
{
	double timeout = c->timeout_s > 0 && c->timeout_s < 3600 ? c->timeout_s : TIMEOUT_S;
	double connect = timeout < CONNECT_S ? timeout : CONNECT_S;
	CURL *e = p->easy;
	CURLcode r = CURLE_OK;

#define SET(option, value) (r = r == CURLE_OK ? curl_easy_setopt(e, option, value) : r)
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	/* What the environment says of proxies is of people's shells. */
	SET(CURLOPT_PROXY, "");
	SET(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
	SET(CURLOPT_POST, 1L);
	SET(CURLOPT_HTTPHEADER, p->headers);
	SET(CURLOPT_USERAGENT, "loiter/" LOITER_VERSION);
	SET(CURLOPT_WRITEFUNCTION, take_body);
	SET(CURLOPT_WRITEDATA, p);
	SET(CURLOPT_ERRORBUFFER, p->error);
	SET(CURLOPT_TIMEOUT_MS, (long)(timeout * 1000));
	SET(CURLOPT_CONNECTTIMEOUT_MS, (long)(connect * 1000));
	/* Else a name server that does not answer would be waited for when all ends. */
	SET(CURLOPT_QUICK_EXIT, 1L);
	if (c->ca_file)
		SET(CURLOPT_CAINFO, c->ca_file);
#undef SET
	return r == CURLE_OK ? 0 : -ENOMEM;
}

int otlp_post_new(const struct otlp_config *c, struct otlp_post **ret, struct diag *d)
{
	CLEANUP(otlp_post_free_p) struct otlp_post *p = calloc(1, sizeof(*p));
	int r;

	if (!p || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return -ENOMEM;
	r = set_urls(p, c->url, d);
	if (r == 0)
		r = set_headers(p, c, d);
	if (r < 0)
		return diag_what(d, r, "OTLP");
	p->multi = curl_multi_init();
	p->easy = p->multi ? curl_easy_init() : NULL;
	if (!p->easy)
		return -ENOMEM;
	r = set_options(p, c);
	if (r < 0)
		return r;
	*ret = TAKE(p);
	return 0;
}

void otlp_post_free(struct otlp_post *p)
{
	if (!p)
		return;
	curl_easy_cleanup(p->easy);
	curl_multi_cleanup(p->multi);
	curl_slist_free_all(p->headers);
	for (int i = 0; i < KINDS; i++)
		free(p->url[i]);
	free(p->base);
	free(p);
}

void otlp_post_abort(struct otlp_post *p)
{
	p->aborted = true;
	curl_multi_wakeup(p->multi);
}

/* Until the transfer has ended; its result. CURLE_ABORTED_BY_CALLBACK: it was aborted. */
static CURLcode transfer(struct otlp_post *p)
{
	CURLcode result = CURLE_FAILED_INIT;
	int running = 1;

	if (curl_multi_add_handle(p->multi, p->easy) != CURLM_OK)
		return result;
	while (!p->aborted && curl_multi_perform(p->multi, &running) == CURLM_OK && running)
		if (curl_multi_poll(p->multi, NULL, 0, POLL_MS, NULL) != CURLM_OK)
			break;
	if (p->aborted)
		result = CURLE_ABORTED_BY_CALLBACK;
	for (int left; !p->aborted;) {
		CURLMsg *m = curl_multi_info_read(p->multi, &left);

		if (!m)
			break;
		if (m->msg == CURLMSG_DONE)
			result = m->data.result;
	}
	curl_multi_remove_handle(p->multi, p->easy);
	return result;
}

/* --- What came of it --- */

/* Of all others the protocol says that they are for good. */
static bool is_for_later(long status)
{
	return status == 429 || (status >= 502 && status <= 504);
}

static void no_answer(struct otlp_post *p, CURLcode result, struct otlp_answer *ret)
{
	char words[CURL_ERROR_SIZE];

	if (result == CURLE_ABORTED_BY_CALLBACK) {
		ret->outcome = OTLP_ABORTED;
		return;
	}
	ret->outcome = OTLP_LATER;
	/* It may have bytes of the collector in it. */
	text_escape(p->error[0] ? p->error : curl_easy_strerror(result), words, sizeof(words));
	snprintf(ret->why, sizeof(ret->why), "%s", words);
}

static void answer(struct otlp_post *p, long status, struct otlp_answer *ret)
{
	bool accepted = status >= 200 && status < 300;
	curl_off_t after = 0;

	otlp_reply_read(p->body, p->too_long ? 0 : p->len, accepted, &ret->reply);
	ret->outcome = accepted ? OTLP_ACCEPTED : is_for_later(status) ? OTLP_LATER : OTLP_REFUSED;
	/* A date or seconds; 0 is also what it says when there is none. */
	if (ret->outcome == OTLP_LATER &&
	    curl_easy_getinfo(p->easy, CURLINFO_RETRY_AFTER, &after) == CURLE_OK && after > 0)
		ret->after_s = after < AFTER_MAX_S ? (double)after : AFTER_MAX_S;
	snprintf(ret->why, sizeof(ret->why), "it answers %ld%s%s", status,
		 ret->reply.message[0] ? ": " : "", ret->reply.message);
}

void otlp_post(struct otlp_post *p, enum otlp_kind kind, const void *bytes, size_t len,
	       struct otlp_answer *ret)
{
	CURLcode result;
	long status = 0;

	*ret = (struct otlp_answer){ .outcome = OTLP_LATER, .after_s = -1 };
	p->len = 0;
	p->too_long = false;
	p->error[0] = '\0';
	curl_easy_setopt(p->easy, CURLOPT_URL, p->url[kind]);
	curl_easy_setopt(p->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)len);
	curl_easy_setopt(p->easy, CURLOPT_POSTFIELDS, bytes);
	result = transfer(p);
	curl_easy_getinfo(p->easy, CURLINFO_RESPONSE_CODE, &status);
	/* Of an answer that is too long, the first line is enough. */
	if (result == CURLE_OK || (p->too_long && !p->aborted))
		answer(p, status, ret);
	else
		no_answer(p, result, ret);
}
