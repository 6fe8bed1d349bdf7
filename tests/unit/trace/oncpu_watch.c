// SPDX-License-Identifier: Apache-2.0
/*
 * oncpu_watch PID [busy]: prints what the oncpu collector samples of a process, as one JSON object
 * a line each tenth of a second, until its output is closed; with "busy" what collect/oncpu.c
 * makes of it, each half second. Symbols of Go alone.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "analysis/busy.h"
#include "collect/collector.h"
#include "collect/oncpu.h"
#include "collect/subject.h"
#include "collect/trace_go.h"
#include "goruntime/goruntime.h"
#include "trace/oncpu.h"
#include "trace/target.h"

struct watch {
	struct subject *subject;
	struct go_runtime *rt;		/* NULL: not Go */
	struct arena *arena;
	struct trace_target target;
	struct oncpu_trace *trace;
};

static int open_go(struct watch *w, struct diag *d)
{
	int r = subject_find_go(w->subject, w->arena, d);

	if (r < 0)
		return r == -ENODATA ? 0 : r;
	r = subject_open_runtime(w->subject, w->arena, &w->rt, d);
	if (r == 0)
		trace_go_describe(w->rt, &w->target.go);
	return r;
}

static void print_pc(struct watch *w, uint64_t pc, bool exact)
{
	struct func f;

	if (w->rt && pclntab_find(w->rt->tab, exact ? pc : pc - 1, &f) == 0)
		printf("\"%s\"", f.name);
	else
		printf("\"?\"");
}

static void print_interval(struct watch *w, const struct traced_oncpu *t)
{
	printf("{\"samples\": %lu, \"lost\": %lu, \"sites\": [", t->samples, t->lost);
	for (size_t i = 0; i < t->n_sites; i++) {
		const struct traced_oncpu_site *s = &t->sites[i];
		uint64_t pcs[128];
		size_t n = s->n_pcs;

		if (w->rt)
			n = trace_go_stack(w->rt, s, pcs, ARRAY_SIZE(pcs));
		else
			memcpy(pcs, s->pcs, n * sizeof(*pcs));

		printf("%s{\"goid\": %lu, \"tid\": %d, \"samples\": %lu, \"in_kernel\": %d, "
		       "\"on_g0\": %d, \"whole\": %d, \"stack\": [",
		       i ? ", " : "", s->goid, s->tid, s->samples, s->in_kernel, s->on_g0,
		       s->whole);
		for (size_t f = 0; f < n; f++) {
			printf(f ? ", " : "");
			print_pc(w, pcs[f], f == 0);
		}
		printf("]}");
	}
	puts("]}");
}

/* Seconds that make a goroutine busy here: a test does not wait for the real ones. */
#define BUSY_AFTER_S 3.0

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void print_look(const struct oncpu_look *l, struct arena *a)
{
	struct finding *found;
	uint32_t n;

	if (busy_findings(l->busy, l->n_busy, a, &found, &n) < 0)
		return;
	printf("{\"samples\": %lu, \"sites\": [", l->samples);
	for (uint32_t i = 0; i < l->n_sites; i++) {
		const struct oncpu_site *s = &l->sites[i];

		printf("%s{\"samples\": %lu, \"goroutines\": %lu, \"in_kernel\": %lu, "
		       "\"stack\": [", i ? ", " : "", s->samples, s->goroutines, s->in_kernel);
		for (uint32_t f = 0; f < s->stack.n; f++)
			printf("%s\"%s\"", f ? ", " : "", s->stack.frames[f].function ?: "?");
		printf("]}");
	}
	printf("], \"busy\": [");
	for (uint32_t i = 0; i < l->n_busy; i++)
		printf("%s%lu", i ? ", " : "", l->busy[i].goid);
	printf("], \"findings\": [");
	for (uint32_t i = 0; i < n; i++)
		printf("%s{\"pattern\": \"%s\", \"site\": \"%s\", \"count\": %lu, "
		       "\"summary\": \"%s\"}", i ? ", " : "", found[i].pattern,
		       found[i].site ?: "?", found[i].count, found[i].summary);
	puts("]}");
	fflush(stdout);
}

static int watch_busy(struct watch *w, struct diag *d)
{
	CLEANUP(oncpu_watch_close_p) struct oncpu_watch *o = NULL;
	double before = now_s();
	const struct collector_source src = { .target = &w->target, .rt = w->rt };
	int r = oncpu_watch_open(&src, BUSY_AFTER_S, &o, d);

	while (r == 0) {
		CLEANUP(arena_free_p) struct arena *a = arena_new();
		struct oncpu_look look;
		double now;

		usleep(500 * 1000);
		now = now_s();
		r = oncpu_watch_look(o, now - before, a, &look);
		before = now;
		if (r == 0)
			print_look(&look, a);
	}
	return r;
}

static int watch_samples(struct watch *w, struct diag *d)
{
	int r = oncpu_trace_open(&w->target, &w->trace, d);

	if (r == 0)
		r = oncpu_trace_arm(w->trace, d);
	while (r == 0) {
		CLEANUP(arena_free_p) struct arena *a = arena_new();
		struct traced_oncpu t;

		usleep(100 * 1000);
		r = oncpu_trace_collect(w->trace, a, &t);
		if (r == 0)
			print_interval(w, &t);
		fflush(stdout);
	}
	return r;
}

int main(int argc, char **argv)
{
	struct watch w = { .arena = arena_new() };
	struct diag d = DIAG_INIT;
	int r = argc < 2 || !w.arena ? -EINVAL : subject_open_process(atoi(argv[1]), &w.subject, &d);

	if (r == 0)
		r = trace_target_fill(w.subject->process, &w.target, &d);
	if (r == 0)
		r = open_go(&w, &d);
	if (r == 0)
		r = argc > 2 ? watch_busy(&w, &d) : watch_samples(&w, &d);
	fprintf(stderr, "%s: %s (%s)\n", d.what, d.why, strerror(-r));
	return 1;
}
