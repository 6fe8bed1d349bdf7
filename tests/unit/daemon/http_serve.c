// SPDX-License-Identifier: Apache-2.0
/*
 * The daemon's HTTP server over a board and cells that are made up, for check_http.py.
 *
 * http_serve [--listen IPv4|IPv6] [--token-file F] [--certificate F --key F] [--client-ca F]
 *	[--connections N] [--request-s S] [--cell-s S] [--prove MS] [--stale-s S] [--host NAME]
 *
 * Prints "READY port", then one line for each line that it reads:
 *	publish		pins up all bodies once more	starts		how many cells were begun
 *	land		answers all cells at work	counts		requests, refused, ...
 *	reload		"ok", or why not		note		the last one, or "none"
 *	quit		closes, and ends
 *
 * The pid that is asked for says what its cell does: 1 answers at once, 2 when told to; 3 answers
 * with 8 MiB; 4 is refused; 5 is unknown; from 1000 on: fails with that errno less 1000.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "daemon/http.h"

enum { CELLS = 4096, BIG = 8 << 20 };

static struct {
	pthread_mutex_t lock;
	unsigned int starts, at_work;
	cell_done *done[CELLS];
	void *done_arg[CELLS];
	char note[512];
} fake = { .lock = PTHREAD_MUTEX_INITIALIZER, .note = "none" };

static int put_aside(cell_done *done, void *done_arg)
{
	pthread_mutex_lock(&fake.lock);
	fake.done[fake.at_work] = done;
	fake.done_arg[fake.at_work++] = done_arg;
	pthread_mutex_unlock(&fake.lock);
	return 0;
}

/* What was asked, so that the test sees that it was understood. */
static void answer(const struct ask *ask, cell_done *done, void *done_arg)
{
	size_t len = ask->pid == 3 ? BIG : 128;
	char *bytes = malloc(len + 1);

	memset(bytes, 'x', len + 1);
	if (ask->pid != 3)
		len = (size_t)snprintf(bytes, len, "what %d start %llu debug %u prove %u",
				       ask->what, (unsigned long long)ask->start_time, ask->debug,
				       ask->prove_max_ms);
	done(done_arg, 0, NULL, bytes, len);
}

static int fake_start(void *arg, const struct ask *ask, cell_done *done, void *done_arg,
		      struct diag *d)
{
	struct diag why = DIAG_INIT;

	(void)arg;
	pthread_mutex_lock(&fake.lock);
	fake.starts++;
	pthread_mutex_unlock(&fake.lock);
	if (ask->pid == 2)
		return put_aside(done, done_arg);
	if (ask->pid == 4)
		return diag_fail(d, -EBUSY, "no cell is free");
	if (ask->pid < 1000) {
		answer(ask, done, done_arg);
		return 0;
	}
	diag_fail(&why, 1000 - ask->pid, "hostile \x1b[31m name\r\nSet-Cookie: x");
	done(done_arg, 1000 - ask->pid, &why, NULL, 0);
	return 0;
}

static bool fake_known(void *arg, int pid, uint64_t start_time)
{
	(void)arg;
	(void)start_time;
	return pid != 5;
}

static void land_all(void)
{
	unsigned int n;

	pthread_mutex_lock(&fake.lock);
	n = fake.at_work;
	fake.at_work = 0;
	pthread_mutex_unlock(&fake.lock);
	for (unsigned int i = 0; i < n; i++)
		fake.done[i](fake.done_arg[i], 0, NULL, strdup("landed"), 6);
}

static void take_note(void *arg, unsigned int status, const char *peer, const char *why)
{
	(void)arg;
	pthread_mutex_lock(&fake.lock);
	snprintf(fake.note, sizeof(fake.note), "%u %s %s", status, peer, why);
	pthread_mutex_unlock(&fake.lock);
}

static void publish(struct board *b)
{
	static const char *const bodies[][3] = {
		{ HTTP_BODY_PAGE, "text/html; charset=utf-8", "<!DOCTYPE html><title>x</title>" },
		{ HTTP_BODY_METRICS, "application/openmetrics-text; version=1.0.0; charset=utf-8",
		  "# EOF\n" },
		{ HTTP_BODY_METRICS_TEXT, "text/plain; version=0.0.4; charset=utf-8", "up 1\n" },
		{ HTTP_BODY_TARGETS, "application/json", "[]" },
	};

	enum { BLANKS = 100000 };
	char *large = malloc(BLANKS + 3);

	for (size_t i = 0; i < ARRAY_SIZE(bodies); i++)
		board_publish(b, bodies[i][0], bodies[i][1], strdup(bodies[i][2]),
			      strlen(bodies[i][2]));
	sprintf(large, "{}%*s", BLANKS, "");
	board_publish(b, HTTP_BODY_PROCESSES, "application/json", large, BLANKS + 2);
}

enum { O_LISTEN = 1, O_TOKEN, O_CERTIFICATE, O_KEY, O_CLIENT_CA, O_CONNECTIONS, O_REQUEST_S,
       O_CELL_S, O_PROVE, O_STALE_S, O_HOST };

static const struct option options[] = {
	{ "listen", 1, NULL, O_LISTEN }, { "token-file", 1, NULL, O_TOKEN },
	{ "certificate", 1, NULL, O_CERTIFICATE }, { "key", 1, NULL, O_KEY },
	{ "client-ca", 1, NULL, O_CLIENT_CA }, { "connections", 1, NULL, O_CONNECTIONS },
	{ "request-s", 1, NULL, O_REQUEST_S }, { "cell-s", 1, NULL, O_CELL_S },
	{ "prove", 1, NULL, O_PROVE }, { "stale-s", 1, NULL, O_STALE_S },
	{ "host", 1, NULL, O_HOST }, { 0 },
};

static void read_listen(const char *host, struct sockaddr_storage *ret)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)ret;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret;

	*ret = (struct sockaddr_storage){ 0 };
	ret->ss_family = strchr(host, ':') ? AF_INET6 : AF_INET;
	if (inet_pton(ret->ss_family, host, ret->ss_family == AF_INET6 ?
		      (void *)&v6->sin6_addr : (void *)&v4->sin_addr) != 1)
		exit(2);
}

static void read_option(int o, const char **host, struct sockaddr_storage *listen,
			struct http_args *ret)
{
	switch (o) {
	case O_LISTEN: read_listen(optarg, listen); break;
	case O_TOKEN: ret->token_file = optarg; break;
	case O_CERTIFICATE: ret->tls_certificate = optarg; break;
	case O_KEY: ret->tls_key = optarg; break;
	case O_CLIENT_CA: ret->tls_client_ca = optarg; break;
	case O_CONNECTIONS: ret->connections_max = strtoul(optarg, NULL, 10); break;
	case O_REQUEST_S: ret->request_s = strtod(optarg, NULL); break;
	case O_CELL_S: ret->cell_s = strtod(optarg, NULL); break;
	case O_PROVE: ret->prove_max_ms = (uint32_t)strtoul(optarg, NULL, 10); break;
	case O_STALE_S: ret->stale_s = strtod(optarg, NULL); break;
	case O_HOST: *host = optarg; ret->n_hosts = 1; break;
	default: exit(2);
	}
}

static void print_counts(const struct http *h)
{
	struct http_counts c;

	http_count(h, &c);
	printf("%llu %llu %llu %llu\n", (unsigned long long)c.requests,
	       (unsigned long long)c.refused, (unsigned long long)c.failed,
	       (unsigned long long)c.sent_away);
}

/* False: it is the last one. */
static bool obey(const char *line, struct http *h, struct board *b)
{
	struct diag d = DIAG_INIT;

	if (strcmp(line, "quit\n") == 0)
		return false;
	if (strcmp(line, "publish\n") == 0)
		publish(b);
	if (strcmp(line, "land\n") == 0)
		land_all();
	pthread_mutex_lock(&fake.lock);
	if (strcmp(line, "starts\n") == 0)
		printf("%u\n", fake.starts);
	else if (strcmp(line, "counts\n") == 0)
		print_counts(h);
	else if (strcmp(line, "note\n") == 0)
		printf("%s\n", fake.note);
	else if (strcmp(line, "reload\n") == 0)
		puts(http_reload(h, &d) < 0 ? d.why : "ok");
	else
		puts("ok");
	pthread_mutex_unlock(&fake.lock);
	fflush(stdout);
	return true;
}

int main(int argc, char **argv)
{
	CLEANUP(board_free_p) struct board *b = board_new();
	struct sockaddr_storage listen;
	const char *host = NULL;
	struct http_args args = {
		.listen = &listen, .n_listen = 1, .hosts = &host, .board = b,
		.cells = { .start = fake_start, .known = fake_known }, .note = take_note,
		.flights_max = 8, .script_sources = "'sha256-abc='",
	};
	struct rlimit fds;
	struct diag d = DIAG_INIT;
	struct http *h;
	char line[64];
	int o;

	read_listen("127.0.0.1", &listen);
	while ((o = getopt_long(argc, argv, "", options, NULL)) > 0)
		read_option(o, &host, &listen, &args);
	getrlimit(RLIMIT_NOFILE, &fds);
	fds.rlim_cur = fds.rlim_max;
	setrlimit(RLIMIT_NOFILE, &fds);
	if (http_open(&args, &h, &d) < 0) {
		fprintf(stderr, "%s: %s; %s\n", d.what, d.why, d.hint);
		return 1;
	}
	printf("READY %u\n", http_port(h, 0));
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin) && obey(line, h, b))
		;
	http_close(h);
	/* A cell may end after its server. */
	land_all();
	puts("closed");
	return 0;
}
