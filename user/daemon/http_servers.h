/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The servers of libmicrohttpd, one for each address, and their certificates. These never change in
 * one: for others there is another set of servers at the same sockets, and the set before it ends
 * with its last connection.
 */
#pragma once

#include "daemon/http_server.h"

/* All errors of http_open(); what was opened so far is http_servers_close()'s. */
int http_servers_open(struct http *h, const struct http_args *args, size_t places,
		      struct diag *d);
/*
 * With the files as they are now; nothing, when they are as they were. Upon an error those before
 * go on. -EBUSY: too many sets are still in use.
 */
int http_servers_renew(struct http *h, struct diag *d);
/* Nobody comes in any more, and connections go on. */
void http_servers_quiesce(struct http *h);
/* Ends all, connections too. */
void http_servers_close(struct http *h);

/* The connection is one of a set that is to end. */
bool http_servers_is_old(struct http *h, struct MHD_Connection *c);
