// SPDX-License-Identifier: Apache-2.0
/*
 * goroutine_trace PID [SAMPLE_EVERY [RING_BYTES [no-multi|multi [MAX_SITES]]]]: traces a Go process
 * on command. Each line of standard input is answered by one line of JSON: sites, arm, disarm,
 * collect; or pace PERCENT to begin with, and then step for each interval.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bpf/events.h"
#include "collect/subject.h"
#include "collect/trace_go.h"
#include "collect/trace_goroutine.h"
#include "goruntime/goruntime.h"
#include "trace/calibrate.h"
#include "trace/pace.h"
#include "trace/target.h"

struct driver {
	struct subject *subject;
	struct go_runtime *rt;
	struct arena *arena;
	struct trace_target target;
	struct goroutine_trace_config config;
	char path[32];
	struct goroutine_trace *trace;
	struct calibration calibration;
	struct pace *pace;
};

static int open_all(struct driver *v, int argc, char **argv, struct diag *d)
{
	int r = subject_open_process(atoi(argv[1]), &v->subject, d);

	if (r == 0)
		r = trace_target_fill(v->subject->process, &v->target, d);
	if (r == 0)
		r = subject_find_go(v->subject, v->arena, d);
	if (r == 0)
		r = subject_open_runtime(v->subject, v->arena, &v->rt, d);
	if (r < 0)
		return r;
	trace_go_describe(v->rt, &v->target.go);
	r = trace_goroutine_describe(v->rt, v->subject->elf, v->path, &v->config, d);
	if (r < 0)
		return r;
	v->config.sample_every = argc > 2 ? (uint32_t)atoi(argv[2]) : 0;
	v->config.ring_bytes = argc > 3 ? (uint32_t)atoi(argv[3]) : 0;
	v->config.no_multi = argc > 4 && strcmp(argv[4], "no-multi") == 0;
	v->config.max_sites = argc > 5 ? (uint32_t)atoi(argv[5]) : 0;
	return goroutine_trace_open(&v->target, &v->config, &v->trace, d);
}

/* "main.f" of the function that a return address (exact: an entry) lies in. */
static void print_name(struct driver *v, uint64_t pc, bool exact)
{
	struct func f;

	if (pclntab_find(v->rt->tab, exact ? pc : pc - 1, &f) == 0)
		printf("\"%s\"", f.name);
	else
		printf("\"?\"");
}

static void print_stack(struct driver *v, const struct traced_goroutine *t, const char *key,
			uint64_t hash)
{
	const struct traced_stack *s = traced_stack_find(t, hash);

	printf(", \"%s\": [", key);
	for (uint32_t i = 0; s && i < s->n; i++) {
		printf(i ? ", " : "");
		print_name(v, s->frames[i], false);
	}
	printf("], \"%s_whole\": %s", key, s && s->whole ? "true" : "false");
}

static const char *reason(struct driver *v, uint32_t n)
{
	return n < v->rt->globals.n_wait_reasons ? v->rt->globals.wait_reasons[n] : "?";
}

static void print_parks(struct driver *v, const struct traced_goroutine *t)
{
	printf(", \"parks\": [");
	for (size_t i = 0; i < t->n_parks; i++) {
		const struct traced_park *p = &t->parks[i];

		printf("%s{\"reason\": \"%s\", \"count\": %" PRIu64 ", \"blocked_on\": %" PRIu64
		       ", \"several\": %s", i ? ", " : "", reason(v, p->reason), p->parks,
		       p->blocked_on, p->several ? "true" : "false");
		print_stack(v, t, "stack", p->stack);
		printf("}");
	}
	printf("], \"wakes\": [");
	for (size_t i = 0; i < t->n_wakes; i++) {
		const struct traced_wake *w = &t->wakes[i];
		uint64_t waits = 0;

		for (int k = 0; k < TRACED_LOG2; k++)
			waits += w->waits[k];
		printf("%s{\"reason\": \"%s\", \"count\": %" PRIu64 ", \"waits\": %" PRIu64
		       ", \"wait_ns\": %" PRIu64 ", \"waker_goid\": %" PRIu64, i ? ", " : "",
		       reason(v, w->reason), w->wakes, waits, w->wait_ns, w->waker_goid);
		print_stack(v, t, "stack", w->park_stack);
		print_stack(v, t, "waker", w->waker_stack);
		printf("}");
	}
	printf("]");
}

static void print_gos(struct driver *v, const struct traced_goroutine *t)
{
	printf(", \"gos\": [");
	for (size_t i = 0; i < t->n_gos; i++) {
		const struct traced_go *g = &t->gos[i];

		printf("%s{\"births\": %" PRIu64 ", \"deaths\": %" PRIu64 ", \"parent_goid\": %"
		       PRIu64 ", \"at\": ", i ? ", " : "", g->births, g->deaths, g->parent_goid);
		print_name(v, g->gopc, false);
		printf(", \"start\": ");
		print_name(v, g->startpc, true);
		print_stack(v, t, "parent", g->parent_stack);
		printf("}");
	}
	printf("]");
}

static int collect(struct driver *v)
{
	CLEANUP(arena_free_p) struct arena *a = arena_new();
	struct traced_goroutine t;
	int r = goroutine_trace_collect(v->trace, a, &t);

	if (r < 0)
		return r;
	printf("{\"armed_ns\": %" PRIu64 ", \"hits\": [%" PRIu64 ", %" PRIu64 ", %" PRIu64 ", %"
	       PRIu64 "], \"unmatched\": %" PRIu64 ", \"outside\": %" PRIu64 ", \"sampled\": %" PRIu64
	       ", \"lost_events\": %" PRIu64 ", \"lost_records\": %" PRIu64
	       ", \"lost_stacks\": %" PRIu64 ", \"n_events\": %zu", t.armed_ns,
	       t.hits[0], t.hits[1], t.hits[2], t.hits[3], t.unmatched, t.outside, t.sampled, t.lost_events,
	       t.lost_records, t.lost_stacks, t.n_events);
	print_parks(v, &t);
	print_gos(v, &t);
	printf(", \"events\": [");
	for (size_t i = 0; i < t.n_events && i < 2000; i++)
		printf("%s{\"kind\": %d, \"goid\": %" PRIu64 ", \"other_goid\": %" PRIu64
		       ", \"blocked_on\": %" PRIu64 ", \"waited_ns\": %" PRIu64 "}",
		       i ? ", " : "", t.events[i].kind, t.events[i].goid, t.events[i].other_goid,
		       t.events[i].blocked_on, t.events[i].waited_ns);
	printf("]}\n");
	return 0;
}

static int sites(struct driver *v)
{
	printf("{\"multi\": %s, \"sites\": [",
	       goroutine_trace_is_multi(v->trace) ? "true" : "false");
	for (int k = 0; k < TRACED_KINDS; k++) {
		const struct probe_site *s = goroutine_trace_site(v->trace, k);

		printf("%s{\"kind\": \"%s\", \"offset\": %" PRIu64 "}", k ? ", " : "",
		       s ? site_kind_name(s->kind) : "none",
		       s ? v->config.functions[k].offset + s->offset : 0);
	}
	printf("]}\n");
	return 0;
}

static int start_pace(struct driver *v, double percent, struct diag *d)
{
	struct pace_collector c;
	int r = calibrate((uint32_t)getpid(), &v->calibration, d);

	if (r == 0)
		r = pace_open(v->target.pid, percent, 0.001, &v->pace, d);
	if (r < 0)
		return r;
	goroutine_trace_collector(v->trace, &v->calibration, &c);
	return pace_add(v->pace, &c);
}

static int step(struct driver *v, struct diag *d)
{
	struct pace_report t;
	int r = pace_step(v->pace, 1, &t, d);

	if (r < 0)
		return r;
	printf("{\"elapsed_s\": %g, \"target_cores\": %g, \"budget_cores\": %g, "
	       "\"own_cores\": %g, \"probe_cores\": %g, \"duty\": %g, \"seen\": %g, "
	       "\"hit_ns\": %g, \"hits\": %" PRIu64 ", \"bursts\": %" PRIu64
	       ", \"failed\": %d}\n", t.elapsed_s, t.target_cores, t.budget_cores, t.own_cores,
	       t.probe_cores, t.collectors[0].duty, t.collectors[0].seen, t.collectors[0].hit_ns,
	       t.collectors[0].hits, t.collectors[0].bursts, t.collectors[0].failed);
	return 0;
}

static int answer(struct driver *v, const char *word, struct diag *d)
{
	int r = 0;

	if (strcmp(word, "sites\n") == 0)
		return sites(v);
	if (strcmp(word, "collect\n") == 0)
		return collect(v);
	if (strcmp(word, "step\n") == 0 && v->pace)
		return step(v, d);
	if (strncmp(word, "pace ", 5) == 0 && !v->pace)
		r = start_pace(v, atof(word + 5), d);
	else if (strcmp(word, "arm\n") == 0)
		r = goroutine_trace_arm(v->trace, d);
	else if (strcmp(word, "disarm\n") == 0)
		goroutine_trace_disarm(v->trace);
	else
		r = -EINVAL;
	if (r == 0)
		puts("{}");
	return r;
}

int main(int argc, char **argv)
{
	struct driver v = { .arena = arena_new() };
	struct diag d = DIAG_INIT;
	char line[64];
	int r = argc < 2 || !v.arena ? -EINVAL : open_all(&v, argc, argv, &d);

	while (r == 0 && fgets(line, sizeof(line), stdin)) {
		r = answer(&v, line, &d);
		fflush(stdout);
	}
	if (r < 0)
		fprintf(stderr, "%s: %s (%s)\n", d.what, d.why, strerror(-r));
	pace_close(v.pace);
	goroutine_trace_close(v.trace);
	go_runtime_close(v.rt);
	subject_close(v.subject);
	arena_free(v.arena);
	return r < 0;
}
