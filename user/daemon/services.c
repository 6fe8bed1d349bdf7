// SPDX-License-Identifier: Apache-2.0
#include "daemon/services.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/board.h"
#include "daemon/config.h"
#include "daemon/header_lines.h"
#include "daemon/http.h"
#include "daemon/log.h"
#include "daemon/otlp.h"
#include "daemon/past.h"
#include "report/openmetrics.h"
#include "report/page.h"

/* Told to a collector at the end: what the last look saw. */
#define LINGER_S 2.0
/* An interval is kept if it is short by so much: looks do not come to the second. */
#define SLACK 0.1

struct services {
	struct cell_desk *desk;
	struct past *past;
	struct bodies bodies;
	struct http *http;
	struct otlp *otlp;	/* NULL: nobody is told */
	double sent_s;		/* of the look that was told last; negative: none */
	char address[320];
};

int services_new(const struct config *c, struct services **ret, struct diag *d)
{
	CLEANUP(services_free_p) struct services *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->sent_s = -1;
	s->past = past_new();
	if (!s->past)
		return -ENOMEM;
	r = cell_desk_open(c, s->past, &s->desk, d);
	if (r < 0)
		return r;
	s->bodies.board = board_new();
	s->bodies.book = openmetrics_book_new((uint32_t)c->targets_max);
	s->bodies.address = s->address;
	if (!s->bodies.board || !s->bodies.book)
		return -ENOMEM;
	*ret = TAKE(s);
	return 0;
}

/* --- HTTP --- */

/* On a thread of HTTP's: a log that nobody reads is not waited for. */
static void note(void *arg, unsigned int status, const char *peer, const char *why)
{
	struct log_line l;

	(void)arg;
	log_begin(&l, status >= 500 ? SAY_WARNING : SAY_INFO,
		  status >= 500 ? "http-failed" : "http-refused", "%s", why);
	log_number(&l, "status", status);
	log_text(&l, "peer", peer);
	log_end(&l);
}

/* What a scraper would call us by: every address of a machine has its name in common. */
static void name_address(struct services *s, const struct config *c)
{
	const char *text = config_text_of(c, "http", "listen");
	unsigned int port = http_port(s->http, 0);
	char host[256] = "localhost";

	if (text[0] != '*' && text[0] != ':') {
		/* As it was written, but for the port, which the kernel may have chosen. */
		snprintf(s->address, sizeof(s->address), "%.*s:%u",
			 (int)(strrchr(text, ':') - text), text, port);
		return;
	}
	if (text[0] == '*' && c->node)
		snprintf(host, sizeof(host), "%s", c->node);
	else if (text[0] == '*')
		gethostname(host, sizeof(host) - 1);
	snprintf(s->address, sizeof(s->address), "%s:%u", host, port);
}

static int open_http(struct services *s, const struct config *c, double stale_s, struct diag *d)
{
	const struct http_args args = {
		.listen = &c->listen.to,
		.n_listen = 1,
		.hosts = c->hosts.all,
		.n_hosts = c->hosts.n,
		.token_file = c->token_file,
		.tls_certificate = c->tls_certificate,
		.tls_key = c->tls_key,
		.tls_client_ca = c->tls_client_ca,
		.connections_max = c->connections_max,
		.prove_max_ms = (uint32_t)(c->prove_max_s * 1000),
		.stale_s = stale_s,
		/* Killed, and told so by whoever has killed it. */
		.cell_s = c->cell_deadline_s + 5,
		.script_sources = page_script_source,
		.board = s->bodies.board,
		.cells = cell_desk_port(s->desk),
		.note = note,
	};
	int r = http_open(&args, &s->http, d);
	if (r < 0)
		return r;
	s->bodies.tls = c->tls_certificate;
	name_address(s, c);
	return 0;
}

/* --- OTLP --- */

/* On a thread of its own. */
static void say(void *ctx, bool good, const char *sentence)
{
	(void)ctx;
	log_say(good ? SAY_NOTICE : SAY_WARNING, good ? "otlp-works" : "otlp-failed", "%s",
		sentence);
}

static int open_otlp(struct services *s, const struct config *c, struct diag *d)
{
	CLEANUP(header_lines_free_p) struct header_lines *headers = NULL;
	struct otlp_config o = { .url = c->otlp_url, .ca_file = c->otlp_ca_file, .say = say };
	int r = 0;

	if (c->otlp_headers_file)
		r = header_lines_read(c->otlp_headers_file, &headers, d);
	if (r < 0)
		return r;
	if (headers) {
		o.headers = headers->all;
		o.n_headers = (uint32_t)headers->n;
	}
	r = otlp_open(&o, &s->otlp, d);
	return r < 0 ? diag_what(d, r, "%s", c->otlp_url) : 0;
}

/* --- All of it --- */

int services_open(struct services *s, const struct config *c, double stale_s, struct diag *d)
{
	int r = open_http(s, c, stale_s, d);

	if (r == 0 && c->otlp_url)
		r = open_otlp(s, c, d);
	if (r == 0)
		log_say(SAY_NOTICE, "listening", "%s://%s/", s->bodies.tls ? "https" : "http",
			s->address);
	return r;
}

void services_shut(struct services *s)
{
	http_close(TAKE(s->http));
	otlp_close_within(TAKE(s->otlp), LINGER_S);
}

void services_free(struct services *s)
{
	if (!s)
		return;
	services_shut(s);
	cell_desk_close(s->desk);
	past_free(s->past);
	openmetrics_book_free(s->bodies.book);
	board_free(s->bodies.board);
	free(s);
}

struct cell_desk *services_desk(struct services *s)
{
	return s->desk;
}

const struct bodies *services_bodies(const struct services *s)
{
	return &s->bodies;
}

int services_add(struct services *s, const struct node_look *look)
{
	int r = past_put(s->past, look);

	return r < 0 ? r : openmetrics_book_add(s->bodies.book, look);
}

void services_send(struct services *s, double interval_s, const struct node_look *look,
		   const struct node_self *self)
{
	bool due = s->sent_s < 0 || look->elapsed_s < s->sent_s ||
		   look->elapsed_s - s->sent_s >= interval_s * (1 - SLACK);

	if (!s->otlp || !due)
		return;
	otlp_look(s->otlp, s->bodies.book, look, self);
	s->sent_s = look->elapsed_s;
}

void services_count(struct services *s, struct node_self *ret)
{
	struct http_counts http;

	cell_desk_count(s->desk, ret);
	if (s->http) {
		http_count(s->http, &http);
		ret->http_requests = http.requests;
		ret->http_refused = http.refused;
		ret->http_failed = http.failed;
	}
	if (s->otlp)
		otlp_tell(s->otlp, ret);
}

int services_reload(struct services *s, struct diag *d)
{
	return http_reload(s->http, d);
}
