// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "daemon/http_check.h"
#include "daemon/http_index.h"
#include "daemon/http_reply.h"
#include "daemon/http_server.h"
#include "daemon/http_words.h"
#include "daemon/route.h"

#define PLAIN "text/plain; charset=utf-8"
#define HTML "text/html; charset=utf-8"

/*
 * From its first line to the end of its answer. All of it is done on the server's thread, but
 * answer_landed() and http_request_is_late(), of which one alone happens.
 */
struct request {
	struct http *http;
	struct MHD_Connection *connection;
	struct route route;
	int routed;		/* what route_parse() said */
	struct diag diag;
	bool handled;		/* its headers were whole */
	bool waited;		/* the connection was put aside, and goes on */
	struct flight_waiter waiter;
	int err;		/* of waiting, where there is no landing */
	struct landing *landing;
};

void *http_request_began(void *cls, const char *target, struct MHD_Connection *connection)
{
	struct request *q = calloc(1, sizeof(*q));

	if (!q)
		return NULL;
	q->http = cls;
	q->connection = connection;
	q->routed = route_parse(target, strlen(target), &q->route, &q->diag);
	return q;
}

static struct guest *guest_of(struct MHD_Connection *c)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info ? info->socket_context : NULL;
}

void http_connection_changed(void *cls, struct MHD_Connection *connection, void **socket_context,
			     enum MHD_ConnectionNotificationCode toe)
{
	struct http *h = cls;
	const union MHD_ConnectionInfo *info;

	if (toe == MHD_CONNECTION_NOTIFY_CLOSED) {
		guests_leave(h->guests, *socket_context);
		*socket_context = NULL;
		return;
	}
	info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	/* Without memory for it there is no guest, and its requests are refused. */
	*socket_context = info ? guests_admit(h->guests, info->connect_fd) : NULL;
}

void http_request_ended(void *cls, struct MHD_Connection *connection, void **con_cls,
			enum MHD_RequestTerminationCode toe)
{
	struct http *h = cls;
	struct request *q = *con_cls;

	(void)toe;
	guests_move(h->guests, guest_of(connection), GUEST_IDLE);
	*con_cls = NULL;
	if (!q)
		return;
	/* Refused by libmicrohttpd itself, or gone away in between. */
	if (!q->handled) {
		atomic_fetch_add(&h->requests, 1);
		atomic_fetch_add(&h->refused, 1);
	}
	landing_free(q->landing);
	free(q);
}

static enum MHD_Result refuse(struct request *q, unsigned int status)
{
	return http_reply_problem(q->http, q->connection, status, q->route.pprof, &q->diag);
}

static enum MHD_Result refuse_why(struct request *q, unsigned int status, const char *why)
{
	q->diag = (struct diag)DIAG_INIT;
	diag_fail(&q->diag, 0, "%s", why);
	return refuse(q, status);
}

static const char *header(const struct request *q, const char *name)
{
	return MHD_lookup_connection_value(q->connection, MHD_HEADER_KIND, name);
}

/* 0, or the status and why it is not served, whatever it is. */
static unsigned int check(const struct request *q, const char *method, const char **why)
{
	const struct route *route = &q->route;
	const struct http_check of = {
		.method = method,
		/* Health is no secret, and who asks for it is often a machine without one. */
		.open = q->routed == 0 &&
			(route->what == ROUTE_HEALTHZ || route->what == ROUTE_READYZ),
		.stops = q->routed == 0 && route->what == ROUTE_ASK && route->ask.prove_max_ms,
	};

	return http_check(q->http, q->connection, &of, why);
}

static void free_body(void *arg)
{
	body_free(arg);
}

static void free_landing(void *arg)
{
	landing_free(arg);
}

static enum MHD_Result serve_text(struct request *q, const char *text)
{
	const struct http_reply reply = { .status = MHD_HTTP_OK, .type = PLAIN, .bytes = text,
					  .len = strlen(text) };

	return http_reply_send(q->http, q->connection, &reply);
}

static void free_pack(void *arg)
{
	http_pack_free(arg);
}

/* Of the form, and of how it is packed: each its own. */
static void make_tag(const struct request *q, const char *name, const struct body *body,
		     bool packed, char *ret, size_t size)
{
	snprintf(ret, size, "\"%llx-%llx%s%s\"", (unsigned long long)q->http->life,
		 (unsigned long long)body->number, strchr(name, ' ') ? "t" : "",
		 packed ? "z" : "");
}

/* Its bytes, or those of a pack, or none to who has them. Takes the body. */
static enum MHD_Result serve_body(struct request *q, const char *name, struct body *body)
{
	struct http_pack *pack = http_takes_gzip(header(q, MHD_HTTP_HEADER_ACCEPT_ENCODING)) ?
		http_packs_get(q->http->packs, name, body) : NULL;
	char tag[64];
	struct http_reply reply = {
		.status = MHD_HTTP_OK, .type = body->type, .tag = tag, .bytes = body->bytes,
		.len = body->len, .done = free_body, .done_arg = body,
		.headers = { { MHD_HTTP_HEADER_VARY, "Accept, Accept-Encoding" } },
	};

	make_tag(q, name, body, pack, tag, sizeof(tag));
	if (pack) {
		/* The type is a literal, and outlives its body. */
		body_free(body);
		reply.bytes = pack->bytes;
		reply.len = pack->len;
		reply.done = free_pack;
		reply.done_arg = pack;
		reply.headers[1] = (struct http_header){ MHD_HTTP_HEADER_CONTENT_ENCODING, "gzip" };
	}
	if (http_has_tag(header(q, MHD_HTTP_HEADER_IF_NONE_MATCH), tag)) {
		reply.status = MHD_HTTP_NOT_MODIFIED;
		reply.len = 0;
	}
	return http_reply_send(q->http, q->connection, &reply);
}

static enum MHD_Result serve_published(struct request *q, const char *name)
{
	struct body *body = board_get(q->http->board, name);

	if (!body)
		return refuse_why(q, MHD_HTTP_SERVICE_UNAVAILABLE,
				  "the first look at this machine has not come to its end yet");
	return serve_body(q, name, body);
}

static enum MHD_Result serve_metrics(struct request *q)
{
	const char *accept = header(q, MHD_HTTP_HEADER_ACCEPT);
	struct body *text = NULL;

	if (!http_wants_openmetrics(accept))
		text = board_get(q->http->board, HTTP_BODY_METRICS_TEXT);
	return text ? serve_body(q, HTTP_BODY_METRICS_TEXT, text) :
		      serve_published(q, HTTP_BODY_METRICS);
}

static enum MHD_Result serve_health(struct request *q)
{
	const struct http *h = q->http;
	struct body *body = board_get(h->board, HTTP_BODY_METRICS);
	double old_s = clock_now_s(CLOCK_MONOTONIC) - (body ? body->time_s : h->opened_s);
	char why[96];

	body_free(body);
	if (h->stale_s <= 0 || old_s <= h->stale_s)
		return serve_text(q, "ok\n");
	snprintf(why, sizeof(why), "no look at this machine came to its end for %.0f s", old_s);
	return refuse_why(q, MHD_HTTP_SERVICE_UNAVAILABLE, why);
}

static enum MHD_Result serve_readiness(struct request *q)
{
	struct body *body = board_get(q->http->board, HTTP_BODY_METRICS);
	bool ready = body;

	body_free(body);
	return ready ? serve_text(q, "ready\n") : serve_published(q, HTTP_BODY_METRICS);
}

static enum MHD_Result serve_moved(struct request *q)
{
	const struct http_reply reply = {
		.status = MHD_HTTP_MOVED_PERMANENTLY, .type = PLAIN,
		.headers = { { MHD_HTTP_HEADER_LOCATION, q->route.to } },
	};

	return http_reply_send(q->http, q->connection, &reply);
}

static bool is_unknown(const struct request *q)
{
	const struct cell_port *port = &q->http->cells;
	const struct ask *ask = &q->route.ask;

	return port->known && !port->known(port->arg, ask->pid, ask->start_time);
}

static enum MHD_Result serve_index(struct request *q)
{
	struct http_reply reply = { .status = MHD_HTTP_OK, .type = HTML, .done = free };
	char *page;

	if (is_unknown(q))
		return refuse_why(q, MHD_HTTP_NOT_FOUND, "there is no such process, or no more");
	if (http_index_page(&q->route.ask, q->route.below_proc, &page, &reply.len) < 0)
		return refuse_why(q, MHD_HTTP_SERVICE_UNAVAILABLE, "memory is short");
	reply.bytes = page;
	reply.done_arg = page;
	return http_reply_send(q->http, q->connection, &reply);
}

/* From any thread; the connection goes on, on its own one. */
static void answer_landed(struct flight_waiter *w, struct landing *l)
{
	struct request *q = (struct request *)((char *)w - offsetof(struct request, waiter));

	q->landing = l;
	q->err = l ? l->err : -ENOMEM;
	MHD_resume_connection(q->connection);
}

void http_request_is_late(void *request)
{
	struct request *q = request;

	if (!single_flight_leave(q->http->flights, &q->waiter))
		return;
	q->err = -ETIMEDOUT;
	MHD_resume_connection(q->connection);
}

static enum MHD_Result ask_cells(struct request *q)
{
	struct http *h = q->http;
	int r;

	if (is_unknown(q))
		return refuse_why(q, MHD_HTTP_NOT_FOUND, "there is no such process, or no more");
	if (q->route.ask.prove_max_ms > h->prove_max_ms)
		return refuse_why(q, MHD_HTTP_FORBIDDEN, "no process may be stopped for so long; "
				  "`prove` of loiter.conf says how long");
	q->waiter.told = answer_landed;
	q->waited = true;
	/* First aside: the answer may be there before the next line. */
	MHD_suspend_connection(q->connection);
	if (!guests_wait(h->guests, guest_of(q->connection), q)) {
		q->err = -EBUSY;
		MHD_resume_connection(q->connection);
		return MHD_YES;
	}
	r = single_flight_join(h->flights, &q->route.ask, &q->waiter, &q->diag);
	if (r < 0) {
		q->err = r;
		MHD_resume_connection(q->connection);
	}
	return MHD_YES;
}

static const char *type_of(const struct ask *ask)
{
	switch (ask->what) {
	case ASK_SNAPSHOT:
		return "application/json; charset=utf-8";
	case ASK_PAGE:
		return HTML;
	case ASK_FLAMEGRAPH:
		return "image/svg+xml";
	default:
		return ask->debug ? PLAIN : "application/octet-stream";
	}
}

static enum MHD_Result serve_landing(struct request *q)
{
	const struct ask *ask = &q->route.ask;
	const char *profile = ask->debug ? NULL : route_profile_name(ask->what);
	struct landing *l = q->landing;
	struct http_reply reply;
	char attachment[64];

	guests_move(q->http->guests, guest_of(q->connection), GUEST_TAKING);
	if (l && l->err < 0)
		q->diag = l->diag;
	if (q->err < 0)
		return refuse(q, http_reply_status(q->err));
	reply = (struct http_reply){ .status = MHD_HTTP_OK, .type = type_of(ask),
				     .bytes = l->bytes, .len = l->len, .done = free_landing,
				     .done_arg = TAKE(q->landing) };
	if (profile) {
		snprintf(attachment, sizeof(attachment), "attachment; filename=\"%s\"", profile);
		reply.headers[0] = (struct http_header){ MHD_HTTP_HEADER_CONTENT_DISPOSITION,
							 attachment };
	}
	return http_reply_send(q->http, q->connection, &reply);
}

static enum MHD_Result serve(struct request *q)
{
	switch (q->route.what) {
	case ROUTE_NODE_PAGE:
		return serve_published(q, HTTP_BODY_PAGE);
	case ROUTE_METRICS:
		return serve_metrics(q);
	case ROUTE_TARGETS:
		return serve_published(q, HTTP_BODY_TARGETS);
	case ROUTE_PROCESSES:
		return serve_published(q, HTTP_BODY_PROCESSES);
	case ROUTE_HEALTHZ:
		return serve_health(q);
	case ROUTE_READYZ:
		return serve_readiness(q);
	case ROUTE_PPROF_INDEX:
		return serve_index(q);
	case ROUTE_MOVED:
		return serve_moved(q);
	case ROUTE_ASK:
		return ask_cells(q);
	}
	return MHD_NO;
}

enum MHD_Result http_request_handle(void *cls, struct MHD_Connection *connection, const char *url,
				    const char *method, const char *version,
				    const char *upload_data, size_t *upload_size, void **con_cls)
{
	struct http *h = cls;
	struct request *q = *con_cls;
	struct guest *guest = guest_of(connection);
	const char *why = NULL;
	unsigned int status;

	(void)url;
	(void)version;
	(void)upload_data;
	(void)upload_size;
	if (!q || !guest)
		return MHD_NO;
	if (!q->handled) {
		q->handled = true;
		atomic_fetch_add(&h->requests, 1);
		guests_move(h->guests, guest, GUEST_TAKING);
		/*
		 * An answer before the end of the request costs the connection: right for who sends
		 * a body, and nobody else.
		 */
		return http_has_body(connection) ?
			refuse_why(q, MHD_HTTP_CONTENT_TOO_LARGE, "a request here has no body") :
			MHD_YES;
	}
	if (q->waited)
		return serve_landing(q);
	status = check(q, method, &why);
	if (status)
		return refuse_why(q, status, why);
	if (q->routed < 0)
		return refuse(q, http_reply_status(q->routed));
	return serve(q);
}
