/* SPDX-License-Identifier: Apache-2.0 */
/* Replies: the headers that all have, and those of each kind. */
#pragma once

#include <microhttpd.h>

#include "daemon/http_server.h"

struct http_header {
	const char *name, *value;
};

enum { HTTP_HEADERS = 4 };

struct http_reply {
	unsigned int status;
	const char *type;	/* of the bytes */
	const void *bytes;
	size_t len;
	/* Lets go of the bytes, whatever becomes of the reply; NULL: they are for good. */
	void (*done)(void *done_arg);
	void *done_arg;
	/* What it is tomorrow may be another: always when it has no tag. */
	const char *tag;	/* as in ETag; NULL none */
	struct http_header headers[HTTP_HEADERS];	/* a NULL name ends them */
};

/* MHD_NO: memory was short, and the connection is to be closed. */
enum MHD_Result http_reply_send(struct http *h, struct MHD_Connection *c,
				const struct http_reply *reply);

/*
 * 4xx or 5xx with one sentence, which is counted and noted. pprof: with the mark of net/http/pprof.
 * d may hold bytes of a target, and is escaped.
 */
enum MHD_Result http_reply_problem(struct http *h, struct MHD_Connection *c, unsigned int status,
				   bool pprof, const struct diag *d);

/* The status of an errno of route_parse(), of single_flight_join() or of a landing. */
unsigned int http_reply_status(int err);
