// SPDX-License-Identifier: Apache-2.0
/*
 * exact-check PID [MAX_PAUSE_MS [TIMES]]: the exact pass (collect/exact_pass.h) of a process, one
 * JSON object a line and time: who is dead, how long the stop was. "estimate" in the place of the
 * number: what the stop would take.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "collect/exact_pass.h"
#include "collect/reach_pass.h"
#include "collect/subject.h"
#include "goruntime/goruntime.h"

static int die(const char *what, int err, const struct diag *d)
{
	printf("{\"what\": \"%s\", \"err\": \"%s\", \"why\": \"%s\", \"hint\": \"%s\"}\n", what,
	       strerror(-err), d->why, d->hint);
	return 1;
}

static void print(const struct exact_pass *p, double s)
{
	struct rusage u;
	const char *comma = "";

	getrusage(RUSAGE_SELF, &u);
	printf("{\"dead\": [");
	for (uint32_t i = 0; i < p->reach->n_parked; i++) {
		if (!p->reach->parked[i].dead)
			continue;
		printf("%s%" PRIu64, comma, p->reach->parked[i].goid);
		comma = ", ";
	}
	printf("], \"judged\": %" PRIu32 ", \"goroutines\": %" PRIu64 ", \"stopped_ms\": %.3f, "
	       "\"estimated_ms\": %.3f, \"copied_bytes\": %" PRIu64 ", \"scanned_bytes\": %" PRIu64
	       ", \"threads\": %" PRIu32 ", \"rss_bytes\": %ld, \"wall_s\": %.4f, \"why_not\": ",
	       p->reach->n_parked, p->reach->goroutines, p->stopped_ms, p->estimated_ms,
	       p->copied_bytes, p->reach->scanned_bytes, p->threads, u.ru_maxrss * 1024, s);
	printf(p->why_not ? "\"%s\"}\n" : "null}\n", p->why_not);
	fflush(stdout);
}

static int once(struct subject *s, struct go_runtime *rt, const char *max_ms)
{
	struct arena *arena = arena_new();
	struct exact_source src = {
		.subject = s, .rt = rt, .arena = arena, .max_bytes = 8ull << 30,
	};
	struct exact_pass p = { 0 };
	struct diag d = DIAG_INIT;
	double start = clock_now_s(CLOCK_MONOTONIC);
	int r = 0;

	if (strcmp(max_ms, "estimate") == 0) {
		printf("{\"estimated_ms\": %.3f, \"wall_s\": ", exact_pass_estimate(&src));
		printf("%.4f}\n", clock_now_s(CLOCK_MONOTONIC) - start);
	} else {
		src.max_pause_us = (uint64_t)(atof(max_ms) * 1e3);
		r = exact_pass_take(&src, &p, &d);
		if (r == 0)
			print(&p, clock_now_s(CLOCK_MONOTONIC) - start);
		else
			r = die("pass", r, &d);
		exact_pass_done(&p);
	}
	arena_free(arena);
	return r;
}

int main(int argc, char **argv)
{
	struct arena *arena = arena_new();
	int r = 0, times = argc > 3 ? atoi(argv[3]) : 1;
	struct diag d = DIAG_INIT;
	struct go_runtime *rt;
	struct subject *s;

	if (argc < 2) {
		fprintf(stderr, "usage: exact-check PID [MAX_PAUSE_MS|estimate [TIMES]]\n");
		return 2;
	}
	r = subject_open_process((pid_t)atoi(argv[1]), &s, &d);
	if (r < 0)
		return die(argv[1], r, &d);
	r = subject_find_go(s, arena, &d);
	if (r < 0)
		return die("go", r, &d);
	r = subject_open_runtime(s, arena, &rt, &d);
	if (r < 0)
		return die("runtime", r, &d);
	for (int i = 0; i < times; i++)
		r = once(s, rt, argc > 2 ? argv[2] : "0");
	go_runtime_close(rt);
	subject_close(s);
	arena_free(arena);
	return r;
}
