// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "trace/thread.h"
#include "trace_check.h"

static struct thread_trace *trace;

static int start(const struct process *p, const struct trace_target *t, int argc, char **argv,
		 struct diag *d)
{
	int r = thread_trace_open(t, &trace, d);

	(void)p;
	(void)argc;
	(void)argv;
	return r < 0 ? r : thread_trace_arm(trace, d);
}

static void print(const struct traced_thread *t, FILE *f)
{
	uint64_t lifetimes = 0;

	for (int i = 0; i < TRACED_LIFETIMES; i++)
		lifetimes += t->lifetimes[i];
	fprintf(f,
		"{\"births\": %" PRIu64 ", \"exits\": %" PRIu64 ", \"forks\": %" PRIu64
		", \"lifetimes\": %" PRIu64 ", \"lost\": [%" PRIu64 ", %" PRIu64 ", %" PRIu64
		", %" PRIu64 "], \"events\": [",
		t->births, t->exits, t->forks, lifetimes, t->lost_events, t->lost_sites,
		t->lost_samples, t->lost_births);
	for (size_t i = 0; i < t->n_events; i++) {
		const struct traced_thread_event *e = &t->events[i];

		fprintf(f,
			"%s{\"born\": %s, \"tid\": %d, \"creator\": %d, \"at_ns\": %" PRIu64
			", \"born_ns\": %" PRIu64 ", \"site\": %" PRIu64 "}",
			i ? ", " : "", e->born ? "true" : "false", e->tid, e->creator, e->at_ns,
			e->born_ns, e->site);
	}
	fputs("], \"sites\": [", f);
	for (size_t i = 0; i < t->n_sites; i++) {
		fprintf(f, "%s{\"id\": %" PRIu64 ", \"births\": %" PRIu64 ", ", i ? ", " : "",
			t->sites[i].id, t->sites[i].births);
		print_pcs(f, t->sites[i].pcs, t->sites[i].n_pcs);
		fputc('}', f);
	}
	fprintf(f, "], \"samples\": %zu}", t->n_samples);
}

static int answer(const char *command, FILE *f)
{
	CLEANUP(arena_free_p) struct arena *a = arena_new();
	struct traced_thread t;
	int r;

	if (!a)
		return -ENOMEM;
	if (strcmp(command, "collect") != 0)
		return -EINVAL;
	r = thread_trace_collect(trace, a, &t);
	if (r == 0)
		print(&t, f);
	return r;
}

static void stop(void)
{
	thread_trace_close(trace);
}

const struct checker thread_checker = { "thread", start, answer, stop };
