/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon's face: HTTP/1.1 through libmicrohttpd, GET and HEAD alone. One thread for each
 * address hands out finished bytes; nothing is computed in it, and nobody is waited for. What is
 * published hangs on the board under its path. What is asked of one process is asked of the
 * cells: the connection is put aside until the answer has landed, and equal asks share one.
 *
 * Loopback is open to whoever is on this machine, unless a token or certificates are set up; any
 * other address wants these. /healthz and /readyz want neither. Who has no name of ours in Host
 * is refused.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/diag.h"
#include "daemon/board.h"
#include "daemon/cell_port.h"

/* What of the board is served. There is no /metrics unless the first of them is there. */
#define HTTP_BODY_PAGE		"/"
#define HTTP_BODY_METRICS	"/metrics"		/* OpenMetrics */
#define HTTP_BODY_METRICS_TEXT	"/metrics text"		/* for those who do not ask for it */
#define HTTP_BODY_TARGETS	"/targets"
#define HTTP_BODY_PROCESSES	"/api/v1/processes"

struct http_args {
	const struct sockaddr_storage *listen;	/* port 0: the kernel chooses */
	size_t n_listen;
	const char *const *hosts;	/* names of ours; an address and localhost always are */
	size_t n_hosts;
	const char *token_file;		/* NULL: no tokens */
	/* Paths of PEM; all NULL: no TLS. Without a client authority clients need none. */
	const char *tls_certificate, *tls_key, *tls_client_ca;
	size_t connections_max;		/* 0: 2048, or what RLIMIT_NOFILE leaves room for */
	uint32_t flights_max;		/* different asks at one time; 0: 16 */
	uint64_t answers_max_bytes;	/* answers that are still being fetched; 0: 64 MiB */
	uint32_t prove_max_ms;		/* a process may be stopped so long on request; 0: never */
	double stale_s;			/* no new metrics for so long: /healthz fails; 0: never */
	/* Longest time for a whole request, between two, for a cell, to take an answer; 0: ours. */
	double request_s, idle_s, cell_s, taking_s;
	const char *script_sources;	/* of CSP: hashes of the pages' own scripts; NULL: none */
	struct board *board;		/* outlives the server, and cells its last flight too */
	struct cell_port cells;
	/*
	 * Told of what was refused or failed; NULL: nobody. On the server's thread: it must not
	 * wait. peer: an address; why: bytes of anybody's.
	 */
	void (*note)(void *arg, unsigned int status, const char *peer, const char *why);
	void *note_arg;
};

struct http;

/*
 * Listens, and serves from its own threads. -EINVAL: an address that others reach and nothing
 * that keeps them out, a bad token file, certificate or key; -EADDRINUSE, -EACCES; -ENOMEM;
 * -errno of a file.
 */
int http_open(const struct http_args *args, struct http **ret, struct diag *d);
/* Those who wait for a cell are told 503; who is taking an answer has a moment. Accepts NULL. */
void http_close(struct http *h);
DEFINE_CLEANUP(struct http, http_close)

/*
 * Reads token file, certificates and keys again; they count from the next request or connection
 * on, and who waits is answered still. Upon an error those before stand. -EBUSY: too many
 * connections of earlier reloads are open. Any thread.
 */
int http_reload(struct http *h, struct diag *d);

/* That the i'th address has; 0 there is none. */
unsigned int http_port(const struct http *h, size_t i);

/* Since the start. refused: 4xx, and what was no HTTP; failed: 5xx. Any thread. */
struct http_counts {
	uint64_t requests, refused, failed;
	uint64_t sent_away;	/* connections: too slow, or too many */
};
void http_count(const struct http *h, struct http_counts *ret);
