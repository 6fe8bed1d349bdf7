// SPDX-License-Identifier: Apache-2.0
/*
 * lock_check PID SPAN_MS THRESHOLD_MS: two looks at the locks of a process, SPAN_MS apart, and the
 * verdicts, one fact a line, for tests/live/test_lock_cycle.py.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "analysis/lock_cycle.h"
#include "base/cleanup.h"
#include "native/lock_look.h"
#include "native/modules.h"
#include "target/mem_live.h"
#include "target/process.h"

static int fail(const char *what, int r, const struct diag *d)
{
	fprintf(stderr, "%s: %s (%s)\n", what, d->why, strerror(-r));
	return 2;
}

static void print_stack(const struct stack *s)
{
	for (uint32_t i = 0; i < s->n; i++) {
		const struct frame *f = &s->frames[i];

		printf("frame\t%#" PRIx64 "\t%s\t%s\t%u\n", f->pc, f->function ? f->function : "-",
		       f->file ? f->file : "-", f->line);
	}
	printf("end\t%s\n", s->truncated ? "truncated" : "whole");
}

static void print_wait(const struct lock_wait *w)
{
	printf("wait\t%d\t%s\t%s\t%#" PRIx64 "\t%d\t%s\n", w->tid, w->comm, lock_kind_name(w->kind),
	       w->lock ? w->lock : w->futex, w->owner, w->validated ? "validated" : "-");
	print_stack(&w->stack);
}

static void print_finding(const char *what, const struct finding *f, uint32_t n, uint32_t behind)
{
	printf("%s\t%s\t%u\t%u\t%s\t%s\n", what, verdict_name(f->verdict), n, behind,
	       f->site ? f->site : "-", f->summary);
	for (uint32_t i = 0; i < f->n_evidence; i++)
		printf("evidence\t%s\n", f->evidence[i]);
}

static void print_verdicts(const struct lock_verdicts *v, const struct lock_look *look)
{
	for (uint32_t i = 0; i < v->n_cycles; i++) {
		print_finding("cycle", &v->cycles[i].finding, v->cycles[i].n,
			      v->cycles[i].behind);
		for (uint32_t k = 0; k < v->cycles[i].n; k++)
			print_wait(v->cycles[i].waits[k]);
	}
	for (uint32_t i = 0; i < v->n_stalls; i++) {
		print_finding("stall", &v->stalls[i].finding, v->stalls[i].n, 0);
		print_wait(v->stalls[i].waiter);
		if (v->stalls[i].holder) {
			printf("holder\t%d\t%s\n", v->stalls[i].holder->tid,
			       v->stalls[i].holder->comm);
			print_stack(&v->stalls[i].holder->stack);
		}
	}
	printf("look\t%u\t%u\t%u\n", look->n_waits, look->threads, look->not_looked_at);
	for (uint32_t i = 0; i < look->n_waits; i++)
		print_wait(&look->waits[i]);
}

static void sleep_ms(long ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	while (nanosleep(&t, &t) < 0 && errno == EINTR)
		;
}

static int run(pid_t pid, long span_ms, long threshold_ms)
{
	CLEANUP(process_close_p) struct process *p = NULL;
	CLEANUP(modules_close_p) struct modules *m = NULL;
	CLEANUP(mem_close_p) struct mem *live = NULL;
	CLEANUP(arena_free_p) struct arena *a = arena_new();
	struct diag d = DIAG_INIT;
	struct lock_look looks[2];
	struct lock_verdicts v;
	int r = process_open(pid, &p, &d);

	if (r == 0)
		r = mem_live_open(p, &live);
	if (r == 0)
		r = modules_open(p, &m, &d);
	if (r < 0 || !a)
		return fail("open", r, &d);
	for (int i = 0; i < 2; i++) {
		if (i)
			sleep_ms(span_ms);
		r = lock_look_take(p, m, live, NULL, 0, a, &looks[i], &d);
		if (r < 0)
			return fail("look", r, &d);
	}
	r = lock_cycle_judge(&looks[0], &looks[1], span_ms * 1000000ll, threshold_ms * 1000000ll, a,
			     &v);
	if (r < 0)
		return fail("judge", r, &d);
	print_verdicts(&v, &looks[1]);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc != 4) {
		fprintf(stderr, "usage: lock_check PID SPAN_MS THRESHOLD_MS\n");
		return 2;
	}
	return run(atoi(argv[1]), atol(argv[2]), atol(argv[3]));
}
