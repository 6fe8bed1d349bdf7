/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the server share: http.c opens it, http_request.c has the life of a request. */
#pragma once

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

#include "daemon/http.h"
#include "daemon/http_access.h"
#include "daemon/http_guests.h"
#include "daemon/http_pack.h"
#include "daemon/single_flight.h"

struct http {
	struct board *board;
	struct cell_port cells;
	struct http_packs *packs;
	struct guests *guests;
	struct single_flight *flights;
	struct http_servers *servers;
	pthread_mutex_t reload_lock;	/* one at a time */
	char **hosts;			/* ours */
	size_t n_hosts;
	char *token_file;		/* NULL: no tokens */
	pthread_mutex_t access_lock;
	struct http_access access;
	bool certificates;		/* clients may show one, and that will do */
	uint32_t prove_max_ms;
	double opened_s, stale_s;	/* CLOCK_MONOTONIC */
	uint64_t life;			/* this one's, so that its ETags are no other's */
	char csp[512];
	void (*note)(void *arg, unsigned int status, const char *peer, const char *why);
	void *note_arg;
	atomic_uint_fast64_t requests, refused, failed;
};

/* Callbacks of libmicrohttpd; cls is the struct http. */
void *http_request_began(void *cls, const char *target, struct MHD_Connection *connection);
enum MHD_Result http_request_handle(void *cls, struct MHD_Connection *connection, const char *url,
				    const char *method, const char *version,
				    const char *upload_data, size_t *upload_size, void **con_cls);
void http_request_ended(void *cls, struct MHD_Connection *connection, void **con_cls,
			enum MHD_RequestTerminationCode toe);
void http_connection_changed(void *cls, struct MHD_Connection *connection, void **socket_context,
			     enum MHD_ConnectionNotificationCode toe);
/* Of guests_new(): the one who waits has waited too long. */
void http_request_is_late(void *request);
