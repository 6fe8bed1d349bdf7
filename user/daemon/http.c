// SPDX-License-Identifier: Apache-2.0
#include "daemon/http.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "daemon/http_listen.h"
#include "daemon/http_server.h"
#include "daemon/http_servers.h"

enum {
	CONNECTIONS = 2048,
	/* Descriptors that are not ours to use: of the looks at processes. */
	OTHERS_FDS = 128,
	FLIGHTS = 16,
	/* For those who take an answer when we end. */
	LAST_WAIT_MS = 1000,
};
static const uint64_t answers_bytes = 64ull << 20;
/* A scraper's next request comes within a minute, as a rule: its connection stays for that. */
static const double request_s = 10, idle_s = 75, cell_s = 120, taking_s = 120;

/* What a page may load and do: nothing of others, and no script but those with a hash. */
#define CSP "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; " \
	    "frame-src 'self'; object-src 'self'; form-action 'self'; base-uri 'none'; " \
	    "frame-ancestors 'self'"

/* Who reaches us must be known, unless it is this machine alone. */
static int check_exposure(const struct http_args *args, struct diag *d)
{
	if (args->token_file || args->tls_client_ca)
		return 0;
	for (size_t i = 0; i < args->n_listen; i++) {
		if (http_is_loopback(&args->listen[i]))
			continue;
		diag_fail(d, -EINVAL, "others reach the address it is to listen at");
		return diag_hint(d, -EINVAL, "give a token file, or the authority of client "
				 "certificates; or listen at 127.0.0.1");
	}
	return 0;
}

static size_t places(size_t wanted)
{
	struct rlimit fds;
	size_t n = wanted ? wanted : CONNECTIONS;

	if (getrlimit(RLIMIT_NOFILE, &fds) == 0 && fds.rlim_cur != RLIM_INFINITY &&
	    fds.rlim_cur < n + OTHERS_FDS)
		n = fds.rlim_cur > 2 * OTHERS_FDS ? fds.rlim_cur - OTHERS_FDS : OTHERS_FDS;
	return n;
}

static double or_ours(double given, double ours)
{
	return given > 0 ? given : ours;
}

static int open_guests(struct http *h, const struct http_args *args, size_t n)
{
	const struct guests_limits limits = {
		.places = n,
		.stage_s = {
			[GUEST_NEW] = or_ours(args->request_s, request_s),
			[GUEST_IDLE] = or_ours(args->idle_s, idle_s),
			[GUEST_WAITING] = or_ours(args->cell_s, cell_s),
			[GUEST_TAKING] = or_ours(args->taking_s, taking_s),
		},
	};

	h->guests = guests_new(&limits, http_request_is_late);
	return h->guests ? 0 : -ENOMEM;
}

static int open_flights(struct http *h, const struct http_args *args)
{
	const struct single_flight_limits limits = {
		.flights = args->flights_max ? args->flights_max : FLIGHTS,
		.bytes = args->answers_max_bytes ? args->answers_max_bytes : answers_bytes,
	};

	h->flights = single_flight_new(&args->cells, &limits);
	return h->flights ? 0 : -ENOMEM;
}

static int copy_hosts(struct http *h, const struct http_args *args)
{
	h->hosts = calloc(args->n_hosts + 1, sizeof(*h->hosts));
	if (!h->hosts)
		return -ENOMEM;
	for (; h->n_hosts < args->n_hosts; h->n_hosts++) {
		h->hosts[h->n_hosts] = strdup(args->hosts[h->n_hosts]);
		if (!h->hosts[h->n_hosts])
			return -ENOMEM;
	}
	return 0;
}

static int copy_args(struct http *h, const struct http_args *args, struct diag *d)
{
	bool scripts = args->script_sources && *args->script_sources;
	int n;

	h->board = args->board;
	h->cells = args->cells;
	h->note = args->note;
	h->note_arg = args->note_arg;
	h->prove_max_ms = args->prove_max_ms;
	h->stale_s = args->stale_s;
	h->opened_s = clock_now_s(CLOCK_MONOTONIC);
	h->life = clock_now_ns(CLOCK_REALTIME);
	h->certificates = args->tls_client_ca;
	n = snprintf(h->csp, sizeof(h->csp), "%s%s%s", CSP, scripts ? "; script-src " : "",
		     scripts ? args->script_sources : "");
	if (n >= (int)sizeof(h->csp))
		return -ENOSPC;
	if (args->token_file && !(h->token_file = strdup(args->token_file)))
		return -ENOMEM;
	return args->token_file ? http_access_read_tokens(&h->access, args->token_file, d) : 0;
}

static int open_all(struct http *h, const struct http_args *args, struct diag *d)
{
	size_t n = places(args->connections_max);
	int r;

	r = copy_args(h, args, d);
	if (r == 0)
		r = copy_hosts(h, args);
	if (r == 0)
		r = open_guests(h, args, n);
	if (r == 0)
		r = open_flights(h, args);
	if (r == 0 && !(h->packs = http_packs_new()))
		r = -ENOMEM;
	return r ? r : http_servers_open(h, args, n, d);
}

int http_open(const struct http_args *args, struct http **ret, struct diag *d)
{
	CLEANUP(http_close_p) struct http *h = NULL;
	int r;

	r = check_exposure(args, d);
	if (r < 0)
		return r;
	h = calloc(1, sizeof(*h));
	if (!h)
		return -ENOMEM;
	pthread_mutex_init(&h->access_lock, NULL);
	pthread_mutex_init(&h->reload_lock, NULL);
	r = open_all(h, args, d);
	if (r < 0)
		return r;
	*ret = TAKE(h);
	return 0;
}

void http_close(struct http *h)
{
	if (!h)
		return;
	/* Nobody comes in any more, and who waits or takes an answer has a moment. */
	http_servers_quiesce(h);
	if (h->flights)
		single_flight_shut(h->flights);
	if (h->guests)
		guests_drain(h->guests, LAST_WAIT_MS / 1e3);
	http_servers_close(h);
	single_flight_free(h->flights);
	guests_free(h->guests);
	http_packs_free(h->packs);
	for (size_t i = 0; i < h->n_hosts; i++)
		free(h->hosts[i]);
	free(h->hosts);
	free(h->token_file);
	pthread_mutex_destroy(&h->access_lock);
	pthread_mutex_destroy(&h->reload_lock);
	explicit_bzero(&h->access, sizeof(h->access));
	free(h);
}

static int reload_tokens(struct http *h, struct diag *d)
{
	struct http_access next = { .n_tokens = 0 };
	int r = http_access_read_tokens(&next, h->token_file, d);

	if (r < 0)
		return r;
	pthread_mutex_lock(&h->access_lock);
	h->access = next;
	pthread_mutex_unlock(&h->access_lock);
	return 0;
}

int http_reload(struct http *h, struct diag *d)
{
	int r;

	pthread_mutex_lock(&h->reload_lock);
	r = http_servers_renew(h, d);
	if (r == 0 && h->token_file)
		r = reload_tokens(h, d);
	pthread_mutex_unlock(&h->reload_lock);
	return r;
}

void http_count(const struct http *h, struct http_counts *ret)
{
	*ret = (struct http_counts){
		.requests = atomic_load(&h->requests),
		.refused = atomic_load(&h->refused),
		.failed = atomic_load(&h->failed),
		.sent_away = guests_sent_away(h->guests),
	};
}
