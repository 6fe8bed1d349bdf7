// SPDX-License-Identifier: Apache-2.0
/*
 * reach-check PID|CORE [stopped]: one pass of reachability (collect/reach_pass.h), as JSON: each goroutine
 * that could be judged, and whether nothing alive can wake it. A core is always read as stopped.
 * With "stopped" so is the process: the caller has stopped it and no register matters.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/clock.h"
#include "collect/reach_pass.h"
#include "collect/subject.h"
#include "goruntime/goruntime.h"

static void die(const char *what, const struct diag *d)
{
	fprintf(stderr, "reach-check: %s: %s\n", what, d->why);
	exit(1);
}

static double cpu_s(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)u.ru_utime.tv_sec + (double)u.ru_stime.tv_sec +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void print_parked(const struct go_runtime *rt, const struct reach_pass *p)
{
	printf(" \"parked\": [");
	for (uint32_t i = 0; i < p->n_parked; i++) {
		const struct reach_parked *k = &p->parked[i];
		const uint64_t *waits;
		uint32_t n;

		waits = reach_pass_waits(p, i, &n);
		printf("%s\n  {\"goid\": %" PRIu64 ", \"park\": %" PRIu64 ", \"dead\": %s, "
		       "\"forever\": %s, \"site\": %" PRIu32 ", \"reason\": \"%s\", \"waits\": [",
		       i ? "," : "", k->goid, k->park, k->dead ? "true" : "false",
		       k->forever ? "true" : "false", k->site,
		       rt->globals.wait_reasons[k->reason]);
		for (uint32_t w = 0; w < n; w++)
			printf("%s%" PRIu64, w ? ", " : "", waits[w]);
		printf("]}");
	}
	printf("],\n");
}

static void print_sites(const struct reach_pass *p)
{
	printf(" \"sites\": [");
	for (uint32_t i = 0; i < p->n_sites; i++)
		printf("%s{\"dead\": %" PRIu64 ", \"stack_bytes\": %" PRIu64
		       ", \"heap_bytes\": %" PRIu64 "}",
		       i ? ", " : "", p->sites[i].dead, p->sites[i].stack_bytes,
		       p->sites[i].heap_bytes);
	printf("],\n");
}

static void check(struct subject *s, bool stopped)
{
	struct arena *arena = arena_new();
	struct reach_source src = { .arena = arena, .max_bytes = 8ull << 30, .stopped = stopped };
	struct go_runtime *rt = NULL;
	struct reach_pass *p;
	struct diag d = DIAG_INIT;
	struct rusage u;
	double cpu;
	uint64_t start;

	if (!arena || subject_find_go(s, arena, &d) < 0 ||
	    subject_open_runtime(s, arena, &rt, &d) < 0)
		die("runtime", &d);
	src.rt = rt;
	cpu = cpu_s();
	start = clock_now_ns(CLOCK_MONOTONIC);
	if (go_heap_open(rt, arena, &src.heap, &d) < 0)
		die("heap", &d);
	if (reach_pass_take(&src, &p, &d) < 0)
		die("pass", &d);
	start = clock_now_ns(CLOCK_MONOTONIC) - start;
	cpu = cpu_s() - cpu;
	getrusage(RUSAGE_SELF, &u);
	printf("{\n");
	print_parked(rt, p);
	print_sites(p);
	printf(" \"dead\": %" PRIu64 ", \"goroutines\": %" PRIu64 ", \"changed\": %" PRIu64
	       ", \"late_spans\": %" PRIu64 ", \"scanned_bytes\": %" PRIu64
	       ", \"heap_bytes\": %" PRIu64 ", \"bytes\": %" PRIu64 ", \"rss_bytes\": %ld,\n",
	       p->dead, p->goroutines, p->changed, p->late_spans, p->scanned_bytes, p->heap_bytes,
	       p->bytes, u.ru_maxrss * 1024);
	printf(" \"wall_s\": %.4f, \"cpu_s\": %.4f, \"why_not\": ", (double)start / 1e9, cpu);
	printf(p->why_not ? "\"%s\"}\n" : "null}\n", p->why_not);
	reach_pass_free(p);
	go_runtime_close(rt);
	arena_free(arena);
}

int main(int argc, char **argv)
{
	struct diag d = DIAG_INIT;
	struct subject *s;
	bool core;

	if (argc < 2) {
		fprintf(stderr, "usage: reach-check PID|CORE [stopped]\n");
		return 2;
	}
	core = strspn(argv[1], "0123456789") != strlen(argv[1]);
	if ((core ? subject_open_core(argv[1], &s, &d)
		  : subject_open_process((pid_t)atoi(argv[1]), &s, &d)) < 0)
		die(argv[1], &d);
	check(s, core || (argc > 2 && strcmp(argv[2], "stopped") == 0));
	subject_close(s);
	return 0;
}
