// SPDX-License-Identifier: Apache-2.0
#include "daemon/http.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/http_listen.h"
#include "daemon/http_server.h"

enum {
	CONNECTIONS = 2048,
	/* Descriptors that are not ours to use: of the looks at processes. */
	OTHERS_FDS = 128,
	FLIGHTS = 16,
	/* Of one connection: its headers, and the answer's. */
	CONNECTION_BYTES = 8 << 10,
	PEM_BYTES = 256 << 10,
	/* libmicrohttpd's own limit, of silence; it is ours that count. */
	SILENCE_S = 600,
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

/* PEM as read; only while a server is started, which makes its own of it. */
struct pem {
	char *certificate, *key, *client_ca;
};

static void wipe(char *secret)
{
	if (secret)
		explicit_bzero(secret, strlen(secret));
	free(secret);
}

static void pem_done(struct pem *p)
{
	free(p->certificate);
	wipe(p->key);
	free(p->client_ca);
}

static int read_pem(const char *path, char **ret, struct diag *d)
{
	size_t len;

	return path ? http_access_read_file(path, PEM_BYTES, ret, &len, d) : 0;
}

static gnutls_datum_t datum_of(const char *text)
{
	return (gnutls_datum_t){ .data = (unsigned char *)text,
				 .size = (unsigned int)strlen(text) };
}

/* libmicrohttpd does not say what it does not like about them. */
static int try_pem(const struct pem *p, gnutls_certificate_credentials_t c,
		   const struct http_args *args, struct diag *d)
{
	gnutls_datum_t certificate = datum_of(p->certificate), key = datum_of(p->key), ca;
	int r;

	r = gnutls_certificate_set_x509_key_mem(c, &certificate, &key, GNUTLS_X509_FMT_PEM);
	if (r < 0) {
		r = diag_fail(d, -EINVAL, "it is no certificate with its key %s: %s", args->tls_key,
			      gnutls_strerror(r));
		return diag_what(d, r, "%s", args->tls_certificate);
	}
	if (!p->client_ca)
		return 0;
	ca = datum_of(p->client_ca);
	if (gnutls_certificate_set_x509_trust_mem(c, &ca, GNUTLS_X509_FMT_PEM) > 0)
		return 0;
	r = diag_fail(d, -EINVAL, "there is no certificate of an authority in it");
	return diag_what(d, r, "%s", args->tls_client_ca);
}

static int load_pem(const struct http_args *args, struct pem *ret, struct diag *d)
{
	gnutls_certificate_credentials_t c;
	int r;

	if (!args->tls_certificate != !args->tls_key || (args->tls_client_ca && !args->tls_key))
		return diag_fail(d, -EINVAL, "TLS wants a certificate and its key");
	if (!args->tls_key)
		return 0;
	r = read_pem(args->tls_certificate, &ret->certificate, d);
	if (r == 0)
		r = read_pem(args->tls_key, &ret->key, d);
	if (r == 0)
		r = read_pem(args->tls_client_ca, &ret->client_ca, d);
	if (r < 0)
		return r;
	if (gnutls_certificate_allocate_credentials(&c) < 0)
		return -ENOMEM;
	r = try_pem(ret, c, args, d);
	gnutls_certificate_free_credentials(c);
	return r;
}

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
	h->tls = args->tls_key;
	h->certificates = args->tls_client_ca;
	n = snprintf(h->csp, sizeof(h->csp), "%s%s%s", CSP, scripts ? "; script-src " : "",
		     scripts ? args->script_sources : "");
	if (n >= (int)sizeof(h->csp))
		return -ENOSPC;
	if (args->token_file && !(h->token_file = strdup(args->token_file)))
		return -ENOMEM;
	return args->token_file ? http_access_read_tokens(&h->access, args->token_file, d) : 0;
}

static struct MHD_Daemon *start_server(struct http *h, int fd, size_t n, struct pem *p)
{
	struct MHD_OptionItem tls[] = {
		{ MHD_OPTION_HTTPS_MEM_CERT, 0, p->certificate },
		{ MHD_OPTION_HTTPS_MEM_KEY, 0, p->key },
		{ MHD_OPTION_HTTPS_PRIORITIES, 0,
		  (char *)"NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2" },
		{ p->client_ca ? MHD_OPTION_HTTPS_MEM_TRUST : MHD_OPTION_END, 0, p->client_ca },
		{ MHD_OPTION_END, 0, NULL },
	};
	unsigned int flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC;

	if (!h->tls)
		tls[0] = tls[4];
	return MHD_start_daemon(flags | (h->tls ? MHD_USE_TLS : 0), 0, NULL, NULL,
		http_request_handle, h,
		MHD_OPTION_LISTEN_SOCKET, fd,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned int)n,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES,
		MHD_OPTION_CONNECTION_MEMORY_INCREMENT, (size_t)1024,
		MHD_OPTION_CONNECTION_TIMEOUT, (unsigned int)SILENCE_S,
		MHD_OPTION_STRICT_FOR_CLIENT, 1,
		MHD_OPTION_URI_LOG_CALLBACK, http_request_began, h,
		MHD_OPTION_NOTIFY_COMPLETED, http_request_ended, h,
		MHD_OPTION_NOTIFY_CONNECTION, http_connection_changed, h,
		MHD_OPTION_ARRAY, tls,
		MHD_OPTION_END);
}

static int open_servers(struct http *h, const struct http_args *args, size_t n, struct pem *p,
			struct diag *d)
{
	h->servers = calloc(args->n_listen, sizeof(struct MHD_Daemon *));
	h->sockets = calloc(args->n_listen, sizeof(*h->sockets));
	if (!h->servers || !h->sockets)
		return -ENOMEM;
	for (; h->n_servers < args->n_listen; h->n_servers++) {
		size_t i = h->n_servers;
		int r = http_listen(&args->listen[i], &h->sockets[i], d);

		if (r < 0)
			return r;
		h->servers[i] = start_server(h, h->sockets[i], n, p);
		if (h->servers[i])
			continue;
		close(h->sockets[i]);
		return diag_fail(d, -EIO, "the HTTP server did not start");
	}
	return 0;
}

static int open_all(struct http *h, const struct http_args *args, struct pem *p, struct diag *d)
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
	return r ? r : open_servers(h, args, n, p, d);
}

int http_open(const struct http_args *args, struct http **ret, struct diag *d)
{
	CLEANUP(http_close_p) struct http *h = NULL;
	struct pem p = { 0 };
	int r;

	r = check_exposure(args, d);
	if (r < 0)
		return r;
	h = calloc(1, sizeof(*h));
	if (!h)
		return -ENOMEM;
	pthread_mutex_init(&h->access_lock, NULL);
	r = load_pem(args, &p, d);
	if (r == 0)
		r = open_all(h, args, &p, d);
	pem_done(&p);
	if (r < 0)
		return r;
	*ret = TAKE(h);
	return 0;
}

/* Nobody comes in any more, and who waits or takes an answer has a moment. */
static void close_servers(struct http *h)
{
	for (size_t i = 0; i < h->n_servers; i++)
		MHD_quiesce_daemon(h->servers[i]);
	if (h->flights)
		single_flight_shut(h->flights);
	if (h->guests)
		guests_drain(h->guests, LAST_WAIT_MS / 1e3);
	for (size_t i = 0; i < h->n_servers; i++) {
		MHD_stop_daemon(h->servers[i]);
		close(h->sockets[i]);
	}
}

void http_close(struct http *h)
{
	if (!h)
		return;
	close_servers(h);
	single_flight_free(h->flights);
	guests_free(h->guests);
	http_packs_free(h->packs);
	for (size_t i = 0; i < h->n_hosts; i++)
		free(h->hosts[i]);
	free(h->hosts);
	free(h->servers);
	free(h->sockets);
	free(h->token_file);
	pthread_mutex_destroy(&h->access_lock);
	explicit_bzero(&h->access, sizeof(h->access));
	free(h);
}

int http_reload(struct http *h, struct diag *d)
{
	struct http_access next = { .n_tokens = 0 };
	int r;

	if (!h->token_file)
		return 0;
	r = http_access_read_tokens(&next, h->token_file, d);
	if (r < 0)
		return r;
	pthread_mutex_lock(&h->access_lock);
	h->access = next;
	pthread_mutex_unlock(&h->access_lock);
	return 0;
}

unsigned int http_port(const struct http *h, size_t i)
{
	return i < h->n_servers ? http_socket_port(h->sockets[i]) : 0;
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
