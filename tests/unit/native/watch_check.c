// SPDX-License-Identifier: Apache-2.0
/*
 * watch_check PID INTERVAL_MS LOOKS: watches the locks of a process as attach does, and prints the
 * last interval, one fact a line, for tests/live/test_futex.py.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "collect/collector.h"
#include "collect/lock_watch.h"
#include "native/modules.h"
#include "target/mem_live.h"
#include "target/process.h"
#include "trace/target.h"

static int fail(const char *what, int r, const struct diag *d)
{
	fprintf(stderr, "%s: %s (%s)\n", what, d->why, strerror(-r));
	return 2;
}

static void print_side(const char *what, const struct lock_side *s)
{
	printf("%s\t%d", what, s->tid);
	for (uint32_t i = 0; i < s->stack.n; i++)
		printf("\t%s", s->stack.frames[i].function ? s->stack.frames[i].function : "-");
	printf("\n");
}

static void print_interval(const struct lock_interval *v)
{
	for (uint32_t i = 0; i < v->verdicts.n_cycles; i++) {
		const struct lock_cycle *c = &v->verdicts.cycles[i];

		printf("cycle\t%s", verdict_name(c->finding.verdict));
		for (uint32_t k = 0; k < c->n; k++)
			printf("\t%d", c->waits[k]->tid);
		printf("\n");
	}
	for (uint32_t i = 0; i < v->look.n_waits; i++)
		printf("wait\t%d\t%" PRId64 "\n", v->look.waits[i].tid,
		       v->look.waits[i].waited_ns);
	for (uint32_t i = 0; i < v->n_contended; i++) {
		const struct lock_contention *c = &v->contended[i];

		printf("contended\t%#" PRIx64 "\t%" PRIu64 "\t%" PRIu64 "\n", c->futex, c->waits,
		       c->longest_ns);
		print_side("waiter", &c->waiter);
		print_side("waker", &c->waker);
	}
	printf("counts\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t%" PRId64 "\n", v->long_waits,
	       v->lost, v->blind, v->span_ns);
}

static int run(pid_t pid, long ms, int looks)
{
	CLEANUP(process_close_p) struct process *p = NULL;
	CLEANUP(mem_close_p) struct mem *live = NULL;
	CLEANUP(modules_close_p) struct modules *modules = NULL;
	CLEANUP(lock_watch_close_p) struct lock_watch *w = NULL;
	struct collector_source src;
	struct trace_target target;
	const struct lock_interval *v = NULL;
	struct diag d = DIAG_INIT;
	int r = process_open(pid, &p, &d);

	if (r == 0)
		r = mem_live_open(p, &live);
	if (r == 0)
		r = modules_open(p, &modules, &d);
	if (r == 0)
		r = trace_target_fill(p, &target, &d);
	src = (struct collector_source){ .process = p, .live = live, .modules = modules,
					 .target = &target };
	if (r == 0)
		r = lock_watch_open(&src, &w, &d);
	if (r < 0)
		return fail("open", r, &d);
	if (lock_watch_refused(w)) {
		fprintf(stderr, "%s\n", lock_watch_refused(w)->why);
		return 77;
	}
	r = lock_watch_arm(w, &d);
	if (r < 0)
		return fail("arm", r, &d);
	for (int i = 0; i < looks; i++) {
		struct timespec left = { ms / 1000, ms % 1000 * 1000000 };

		while (i && nanosleep(&left, &left) < 0 && errno == EINTR)
			;
		r = modules_refresh(modules, &d);
		if (r == 0)
			r = lock_watch_look(w, &v, &d);
		if (r < 0)
			return fail("look", r, &d);
	}
	if (v)
		print_interval(v);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc != 4) {
		fprintf(stderr, "usage: watch_check PID INTERVAL_MS LOOKS\n");
		return 2;
	}
	return run(atoi(argv[1]), atol(argv[2]), atoi(argv[3]));
}
