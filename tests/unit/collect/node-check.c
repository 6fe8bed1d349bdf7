// SPDX-License-Identifier: Apache-2.0
/*
 * node-check INTERVAL BUDGET STATE_DIR|- [discover] [examine]: a node that is scheduled, JSON of each
 * look, for tests/live/daemon/test_node_engine.py. Ends when its input does; "save" writes the state.
 */
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/self.h"
#include "collect/node.h"
#include "model/examined.h"
#include "model/node_self.h"

struct asked {
	struct node *node;
	int pid;
	uint64_t start_time;
	const char *reason;
	unsigned int n;
};

static int examine(void *arg, int pid, uint64_t start_time, const char *reason)
{
	struct asked *a = arg;

	a->pid = pid;
	a->start_time = start_time;
	a->reason = reason;
	a->n++;
	return 0;
}

/* What a cell would have found. */
static void answer(struct asked *a)
{
	struct examined *e = a->reason ? examined_new() : NULL;
	struct finding *f;

	if (!e)
		return;
	f = arena_alloc(e->arena, 1, sizeof(*f));
	if (!f)
		abort();
	*f = (struct finding){ .pattern = "orphan-send", .verdict = VERDICT_LIKELY, .count = 3,
			       .bytes = WAIT_UNKNOWN, .group = FINDING_NO_GROUP,
			       .summary = "3 goroutines can never run again" };
	e->reason = a->reason;
	e->cpu_ms = 20;
	e->leaks_known = true;
	e->likely.goroutines = 3;
	e->findings = f;
	e->n_findings = 1;
	node_examined(a->node, a->pid, a->start_time, e);
	a->reason = NULL;
}

static void print_word(const char *name, const char *word)
{
	if (word)
		printf(",\"%s\":\"%s\"", name, word);
}

static void print_process(const struct node_process *p, bool first)
{
	printf("%s\n {\"pid\":%d,\"start_time\":%" PRIu64 ",\"kind\":\"%s\",\"state\":\"%s\"",
	       first ? "" : ",", p->pid, p->start_time, node_kind_name(p->kind),
	       watch_state_name(p->state));
	printf(",\"began\":%s,\"looked\":%s", p->began ? "true" : "false",
	       p->looked ? "true" : "false");
	printf(",\"tally\":[%" PRIu64 ",%" PRIu64 ",%" PRIu64 "],\"interval_s\":%.3f",
	       p->tally.looks, p->tally.failed, p->tally.missed, p->interval_s);
	printf(",\"points\":%u,\"first_s\":%.3f", p->history ? p->history->n : 0,
	       p->history && p->history->n ? p->history->points[0].elapsed_s : 0);
	if (p->goroutines.known)
		printf(",\"goroutines\":%" PRIu64, p->goroutines.now);
	print_word("not_read", p->not_read);
	print_word("cgroup", p->cgroup);
	print_word("examined", p->examined ? p->examined->reason : NULL);
	printf(",\"growing_sites\":%u,\"findings\":[", p->growing_sites);
	for (uint32_t i = 0; i < p->n_findings; i++)
		printf("%s\"%s\"", i ? "," : "", p->findings[i].pattern);
	printf("]}");
}

static void print(const struct node *n, const struct node_look *l, const struct asked *a)
{
	struct node_self self = { 0 };

	node_tell(n, &self);
	printf("{\"number\":%u,\"elapsed_s\":%.3f,\"next_s\":%.3f,\"n\":%u,\"began\":%" PRIu64
	       ",\"ended\":%" PRIu64 ",\"stuck\":%u,\"n_gone\":%u", l->number, l->elapsed_s,
	       l->next_s, l->n, l->began, l->ended, l->stuck, l->n_gone);
	printf(",\"discovers\":%s,\"lost\":%" PRIu64 ",\"left_out\":%" PRIu64 ",\"saved\":%" PRIu64
	       ",\"failed\":%" PRIu64, self.discovers ? "true" : "false", self.discovery_lost,
	       self.left_out, self.state_saved, self.state_failed);
	printf(",\"core_percent\":%.3f,\"rss\":%" PRIu64 ",\"asked\":%u,\"processes\":[",
	       l->overhead.core_percent, self_rss_bytes(), a->n);
	for (uint32_t i = 0; i < l->n; i++)
		print_process(&l->all[i], i == 0);
	printf("],\"gone\":[");
	for (uint32_t i = 0; i < l->n_gone; i++)
		print_process(&l->gone[i], i == 0);
	printf("]}\n\f\n");
	fflush(stdout);
}

/* False: it is over. */
static bool rest(struct node *n, double seconds)
{
	struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN };
	double until = clock_now_s(CLOCK_MONOTONIC) + seconds, left;
	char command[64];

	while ((left = until - clock_now_s(CLOCK_MONOTONIC)) > 0) {
		if (poll(&in, 1, (int)(left * 1000) + 1) <= 0)
			continue;
		if (read(STDIN_FILENO, command, sizeof(command)) <= 0)
			return false;
		node_save(n, NULL);
	}
	return true;
}

int main(int argc, char **argv)
{
	struct asked asked = { .pid = 0 };
	struct node_args args = { .scheduled = true, .examine_arg = &asked };
	struct diag d = DIAG_INIT;
	const struct node_look *l;
	struct node *n;
	int r;

	if (argc < 4)
		return 2;
	args.interval_s = strtod(argv[1], NULL);
	args.budget_percent = strtod(argv[2], NULL);
	args.state_dir = strcmp(argv[3], "-") == 0 ? NULL : argv[3];
	for (int i = 4; i < argc; i++) {
		args.discover |= strcmp(argv[i], "discover") == 0;
		if (strcmp(argv[i], "examine") == 0)
			args.examine = examine;
	}
	r = node_open(&args, &n, &d);
	asked.node = n;
	while (r == 0) {
		r = node_look(n, &l, &d);
		if (r == 0)
			print(n, l, &asked);
		answer(&asked);
		if (r < 0 || !rest(n, l->next_s))
			break;
	}
	if (r < 0)
		fprintf(stderr, "%s: %s\n", d.what, d.why);
	if (n)
		node_close(n);
	return r < 0;
}
