/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a request is to be served at all, by its headers and by who sent it. */
#pragma once

#include <stdbool.h>

#include "daemon/http_server.h"

struct http_check {
	const char *method;
	bool open;		/* to whoever comes, without token or certificate */
	bool stops;		/* it stops a process: no link from elsewhere may lead to it */
};

/*
 * 0, or the status and one sentence. Cheap questions come first, and nothing is told to who does
 * not even know our name.
 */
unsigned int http_check(struct http *h, struct MHD_Connection *c, const struct http_check *of,
			const char **why);

/* There is more to come after the headers. */
bool http_has_body(struct MHD_Connection *c);
