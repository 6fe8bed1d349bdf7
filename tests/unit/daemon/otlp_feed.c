// SPDX-License-Identifier: Apache-2.0
/*
 * Feeds invented looks to the sender, for tests/live/daemon/test_otlp.py.
 *
 * usage: otlp_feed URL [timeout=S] [give-up=S] [retry=S] [linger=S] [ca=FILE] [header=...]...
 *
 * A line of standard input each, answered by one of JSON:
 *	look N		a look in which a finding counts N; 0: it is not there
 *	many N		N looks in a row, and the longest time that one took
 *	idle		answers when nothing is left to send
 *	counts
 * At the end of the input it closes. What the sender says goes to standard error.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "daemon/otlp.h"
#include "model/node.h"
#include "model/node_self.h"
#include "report/openmetrics.h"

static struct node_self self = { .version = "9", .node = "host-1", .start_time_s = 1700000000 };
static double longest_s;

static void look(struct otlp *o, struct openmetrics_book *b, uint64_t count)
{
	static const char *const evidence[] = { "3 of 3 passes" };
	static uint32_t number;
	const struct finding leak = {
		.pattern = "orphan-send", .verdict = VERDICT_PROVEN, .count = count, .bytes = 4096,
		.site = "main.fetch fetch.go:48", .group = FINDING_NO_GROUP,
		.summary = "goroutines can never run again", .evidence = evidence, .n_evidence = 1,
		.advice = "give the channel a buffer of 1",
	};
	const struct node_process all[] = {
		{ .pid = 4242, .start_time = 77, .name = "shop-api", .kind = NODE_GO,
		  .unit = "shop-api.service", .rss = { .known = true, .now = 123456789 },
		  .threads = { .known = true, .now = 41 }, .findings = &leak,
		  .n_findings = count > 0, .cores = -1, .uptime_s = 5,
		  .tally = { .looks = number } },
		{ .pid = 4243, .start_time = 78, .name = "db", .kind = NODE_C, .pod_uid = "1-2-3",
		  .container_id = "c0ffee", .rss = { .known = true, .now = 42 },
		  .threads = { .known = true, .now = 2 }, .cores = -1, .uptime_s = 5 },
	};
	struct node_look n = { .number = number++, .all = all, .n = 2,
			       .overhead = { .target_cpu = -1 } };
	double start_s, took_s;

	clock_gettime(CLOCK_REALTIME, &n.time);
	if (openmetrics_book_add(b, &n) < 0)
		exit(1);
	otlp_tell(o, &self);
	start_s = clock_now_s(CLOCK_MONOTONIC);
	otlp_look(o, b, &n, &self);
	took_s = clock_now_s(CLOCK_MONOTONIC) - start_s;
	longest_s = took_s > longest_s ? took_s : longest_s;
}

static void print_counts(struct otlp *o)
{
	otlp_tell(o, &self);
	printf("{\"sent\": %" PRIu64 ", \"failed\": %" PRIu64 ", \"dropped\": %" PRIu64
	       ", \"rejected\": %" PRIu64 ", \"longest_s\": %f}\n",
	       self.otlp_sent, self.otlp_failed, self.otlp_dropped, otlp_rejected(o), longest_s);
	fflush(stdout);
}

static void obey(struct otlp *o, struct openmetrics_book *b, const char *line)
{
	unsigned long n = 0;

	if (sscanf(line, "look %lu", &n) == 1) {
		look(o, b, n);
	} else if (sscanf(line, "many %lu", &n) == 1) {
		while (n--)
			look(o, b, 5);
	} else if (strncmp(line, "idle", 4) == 0) {
		while (!otlp_is_idle(o))
			nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	}
	print_counts(o);
}

static void say(void *ctx, bool good, const char *sentence)
{
	(void)ctx;
	fprintf(stderr, "%s: %s\n", good ? "good" : "bad", sentence);
}

int main(int argc, char **argv)
{
	const char *headers[16];
	struct otlp_config c = { .headers = headers, .retry_min_s = 0.02, .retry_max_s = 0.1,
				 .say = say };
	struct openmetrics_book *b = openmetrics_book_new(0);
	struct diag d = DIAG_INIT;
	struct otlp *o = NULL;
	double linger_s = 5;
	char line[128];

	c.url = argc > 1 ? argv[1] : "";
	for (int i = 2; i < argc; i++) {
		if (strncmp(argv[i], "timeout=", 8) == 0)
			c.timeout_s = atof(argv[i] + 8);
		else if (strncmp(argv[i], "give-up=", 8) == 0)
			c.give_up_s = atof(argv[i] + 8);
		else if (strncmp(argv[i], "retry=", 6) == 0)
			c.retry_min_s = c.retry_max_s = atof(argv[i] + 6);
		else if (strncmp(argv[i], "linger=", 7) == 0)
			linger_s = atof(argv[i] + 7);
		else if (strncmp(argv[i], "ca=", 3) == 0)
			c.ca_file = argv[i] + 3;
		else if (strncmp(argv[i], "header=", 7) == 0 && c.n_headers < 16)
			headers[c.n_headers++] = argv[i] + 7;
	}
	if (!b || otlp_open(&c, &o, &d) < 0) {
		fprintf(stderr, "%s: %s\n", d.what, d.why);
		openmetrics_book_free(b);
		return 2;
	}
	while (fgets(line, sizeof(line), stdin))
		obey(o, b, line);
	otlp_close_within(o, linger_s);
	openmetrics_book_free(b);
	return 0;
}
