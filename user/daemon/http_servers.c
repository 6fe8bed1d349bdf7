// SPDX-License-Identifier: Apache-2.0
#include "daemon/http_servers.h"

#include <errno.h>
#include <gnutls/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/http_listen.h"

enum {
	/* Of one connection: its headers, and the answer's. */
	CONNECTION_BYTES = 8 << 10,
	/* libmicrohttpd's own limit, of silence; it is ours that count. */
	SILENCE_S = 600,
	PEM_BYTES = 256 << 10,
	/* Servers that end with their last connection: those have limits, so that these go. */
	OLD_SERVERS = 16,
};

/* Files of PEM, by place. */
enum pem { CERTIFICATE, KEY, CLIENT_CA, PEMS };

struct http_servers {
	char *paths[PEMS];		/* NULL: none; without a key there is no TLS */
	uint8_t hash[HTTP_TOKEN_HASH];	/* of what is in them */
	unsigned int places;
	int *sockets;			/* one for each address */
	struct MHD_Daemon **now;	/* listen there, one each */
	size_t n;
	struct MHD_Daemon *old[OLD_SERVERS];	/* do not listen any more */
	size_t n_old;
	pthread_mutex_t lock;		/* over now: requests look at it */
};

/* What is in the files; each server makes its own of it. */
struct pems {
	char *text[PEMS];
	size_t len[PEMS];
};

static void pems_done(struct pems *p)
{
	for (int i = 0; i < PEMS; i++) {
		if (p->text[i])
			explicit_bzero(p->text[i], p->len[i]);
		free(p->text[i]);
	}
}

static int read_pems(const struct http_servers *s, struct pems *ret, struct diag *d)
{
	for (int i = 0; i < PEMS; i++) {
		int r = s->paths[i] ? http_access_read_file(s->paths[i], PEM_BYTES, &ret->text[i],
							    &ret->len[i], d) : 0;

		if (r < 0)
			return r;
	}
	return 0;
}

static int hash_pems(const struct pems *p, uint8_t ret[HTTP_TOKEN_HASH])
{
	gnutls_hash_hd_t h;
	int r = gnutls_hash_init(&h, GNUTLS_DIG_SHA256);

	if (r < 0)
		return -EIO;
	for (int i = 0; i < PEMS; i++) {
		/* Their lengths too, so that what one loses the next one does not find. */
		gnutls_hash(h, &p->len[i], sizeof(p->len[i]));
		if (p->len[i])
			gnutls_hash(h, p->text[i], p->len[i]);
	}
	gnutls_hash_deinit(h, ret);
	return 0;
}

static gnutls_datum_t datum_of(const struct pems *p, enum pem i)
{
	return (gnutls_datum_t){ .data = (unsigned char *)p->text[i],
				 .size = (unsigned int)p->len[i] };
}

/* libmicrohttpd does not say what it does not like about them. */
static int try_pems(const struct http_servers *s, const struct pems *p,
		    gnutls_certificate_credentials_t c, struct diag *d)
{
	gnutls_datum_t certificate = datum_of(p, CERTIFICATE), key = datum_of(p, KEY);
	gnutls_datum_t ca = datum_of(p, CLIENT_CA);
	int r;

	r = gnutls_certificate_set_x509_key_mem(c, &certificate, &key, GNUTLS_X509_FMT_PEM);
	if (r < 0) {
		r = diag_fail(d, -EINVAL, "it is no certificate with its key %s: %s", s->paths[KEY],
			      gnutls_strerror(r));
		return diag_what(d, r, "%s", s->paths[CERTIFICATE]);
	}
	if (!s->paths[CLIENT_CA] ||
	    gnutls_certificate_set_x509_trust_mem(c, &ca, GNUTLS_X509_FMT_PEM) > 0)
		return 0;
	r = diag_fail(d, -EINVAL, "there is no certificate of an authority in it");
	return diag_what(d, r, "%s", s->paths[CLIENT_CA]);
}

/* Reads and checks them. */
static int load_pems(const struct http_servers *s, struct pems *ret, struct diag *d)
{
	gnutls_certificate_credentials_t c;
	int r = read_pems(s, ret, d);

	if (r < 0 || !s->paths[KEY])
		return r;
	if (gnutls_certificate_allocate_credentials(&c) < 0)
		return -ENOMEM;
	r = try_pems(s, ret, c, d);
	gnutls_certificate_free_credentials(c);
	return r;
}

static struct MHD_Daemon *start_server(struct http *h, int fd, const struct pems *p)
{
	struct MHD_OptionItem tls[] = {
		{ MHD_OPTION_HTTPS_MEM_CERT, 0, p->text[CERTIFICATE] },
		{ MHD_OPTION_HTTPS_MEM_KEY, 0, p->text[KEY] },
		{ MHD_OPTION_HTTPS_PRIORITIES, 0,
		  (char *)"NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2" },
		{ p->text[CLIENT_CA] ? MHD_OPTION_HTTPS_MEM_TRUST : MHD_OPTION_END, 0,
		  p->text[CLIENT_CA] },
		{ MHD_OPTION_END, 0, NULL },
	};
	unsigned int flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME;

	if (!p->text[KEY])
		tls[0] = tls[PEMS + 1];
	return MHD_start_daemon(flags | (p->text[KEY] ? MHD_USE_TLS : 0), 0, NULL, NULL,
		http_request_handle, h,
		MHD_OPTION_LISTEN_SOCKET, fd,
		MHD_OPTION_CONNECTION_LIMIT, h->servers->places,
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

static int did_not_start(struct diag *d)
{
	return diag_fail(d, -EIO, "the HTTP server did not start");
}

static int copy_paths(struct http_servers *s, const struct http_args *args)
{
	const char *const from[PEMS] = { args->tls_certificate, args->tls_key,
					 args->tls_client_ca };

	for (int i = 0; i < PEMS; i++)
		if (from[i] && !(s->paths[i] = strdup(from[i])))
			return -ENOMEM;
	return 0;
}

/* With the lock held. */
static int start_all(struct http *h, const struct http_args *args, const struct pems *p,
		     struct diag *d)
{
	struct http_servers *s = h->servers;

	for (; s->n < args->n_listen; s->n++) {
		int *fd = &s->sockets[s->n], r = http_listen(&args->listen[s->n], fd, d);

		if (r < 0)
			return r;
		s->now[s->n] = start_server(h, *fd, p);
		if (s->now[s->n])
			continue;
		close(*fd);
		return did_not_start(d);
	}
	return 0;
}

static int open_all(struct http *h, const struct http_args *args, struct pems *p, struct diag *d)
{
	struct http_servers *s = h->servers;
	int r;

	r = copy_paths(s, args);
	if (r == 0)
		r = load_pems(s, p, d);
	if (r == 0)
		r = hash_pems(p, s->hash);
	if (r < 0)
		return r;
	s->sockets = calloc(args->n_listen, sizeof(*s->sockets));
	s->now = calloc(args->n_listen, sizeof(struct MHD_Daemon *));
	if (!s->sockets || !s->now)
		return -ENOMEM;
	/* A request that comes at once waits until all is in its place. */
	pthread_mutex_lock(&s->lock);
	r = start_all(h, args, p, d);
	pthread_mutex_unlock(&s->lock);
	return r;
}

int http_servers_open(struct http *h, const struct http_args *args, size_t places,
		      struct diag *d)
{
	struct pems p = { 0 };
	int r;

	if (!args->tls_certificate != !args->tls_key || (args->tls_client_ca && !args->tls_key))
		return diag_fail(d, -EINVAL, "TLS wants a certificate and its key");
	h->servers = calloc(1, sizeof(*h->servers));
	if (!h->servers)
		return -ENOMEM;
	pthread_mutex_init(&h->servers->lock, NULL);
	h->servers->places = (unsigned int)places;
	r = open_all(h, args, &p, d);
	pems_done(&p);
	return r;
}

/* Ends those whose last connection has gone. */
static void end_old(struct http_servers *s)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->n_old; i++) {
		const union MHD_DaemonInfo *info =
			MHD_get_daemon_info(s->old[i], MHD_DAEMON_INFO_CURRENT_CONNECTIONS);

		if (info && info->num_connections)
			s->old[kept++] = s->old[i];
		else
			MHD_stop_daemon(s->old[i]);
	}
	s->n_old = kept;
}

/* A server at the socket of the i'th, which ends by and by. With the lock held. */
static int renew_one(struct http *h, size_t i, const struct pems *p, struct diag *d)
{
	struct http_servers *s = h->servers;
	struct MHD_Daemon *next = start_server(h, s->sockets[i], p);

	if (!next)
		return did_not_start(d);
	MHD_quiesce_daemon(s->now[i]);
	s->old[s->n_old++] = s->now[i];
	s->now[i] = next;
	return 0;
}

static int renew_all(struct http *h, const struct pems *p, struct diag *d)
{
	struct http_servers *s = h->servers;
	int r = 0;

	end_old(s);
	if (s->n_old + s->n > OLD_SERVERS)
		return diag_fail(d, -EBUSY, "connections with earlier certificates are still open");
	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < s->n && r == 0; i++)
		r = renew_one(h, i, p, d);
	pthread_mutex_unlock(&s->lock);
	/* Who has nothing under way comes again, and then by the new ones. */
	guests_send_idle_away(h->guests);
	return r;
}

int http_servers_renew(struct http *h, struct diag *d)
{
	struct http_servers *s = h->servers;
	uint8_t hash[HTTP_TOKEN_HASH];
	struct pems p = { 0 };
	int r;

	if (!s->paths[KEY])
		return 0;
	r = load_pems(s, &p, d);
	if (r == 0)
		r = hash_pems(&p, hash);
	if (r == 0 && memcmp(hash, s->hash, sizeof(hash)) != 0)
		r = renew_all(h, &p, d);
	if (r == 0)
		memcpy(s->hash, hash, sizeof(hash));
	pems_done(&p);
	return r;
}

bool http_servers_is_old(struct http *h, struct MHD_Connection *c)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(c, MHD_CONNECTION_INFO_DAEMON);
	struct http_servers *s = h->servers;
	bool old = true;

	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < s->n && old; i++)
		old = info && info->daemon != s->now[i];
	pthread_mutex_unlock(&s->lock);
	return old;
}

unsigned int http_port(const struct http *h, size_t i)
{
	return i < h->servers->n ? http_socket_port(h->servers->sockets[i]) : 0;
}

void http_servers_quiesce(struct http *h)
{
	for (size_t i = 0; h->servers && i < h->servers->n; i++)
		MHD_quiesce_daemon(h->servers->now[i]);
}

void http_servers_close(struct http *h)
{
	struct http_servers *s = h->servers;

	if (!s)
		return;
	for (size_t i = 0; i < s->n_old; i++)
		MHD_stop_daemon(s->old[i]);
	for (size_t i = 0; i < s->n; i++) {
		MHD_stop_daemon(s->now[i]);
		close(s->sockets[i]);
	}
	for (int i = 0; i < PEMS; i++)
		free(s->paths[i]);
	free(s->sockets);
	free(s->now);
	pthread_mutex_destroy(&s->lock);
	free(s);
	h->servers = NULL;
}
