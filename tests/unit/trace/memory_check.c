// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "trace/memory.h"
#include "trace_check.h"

static struct memory_trace *trace;

static int start(const struct process *p, const struct trace_target *t, int argc, char **argv,
		 struct diag *d)
{
	struct memory_trace_args args = { .brk = memory_trace_brk(p), .fault_sample_every = 10 };
	unsigned int parts = MEMORY_TRACE_ALL;
	int r;

	if (argc > 0)
		args.ring_bytes = (uint32_t)atoi(argv[0]);
	if (argc > 1)
		args.fault_sample_every = (uint32_t)atoi(argv[1]);
	if (argc > 2)
		parts = (unsigned int)atoi(argv[2]);
	r = memory_trace_open(t, &args, &trace, d);
	return r < 0 ? r : memory_trace_arm(trace, parts, d);
}

static void print(const struct traced_memory *m, FILE *f)
{
	fputs("{\"totals\": {", f);
	for (int k = 0; k < TRACED_MEMORY_KINDS; k++)
		fprintf(f, "%s\"%s\": [%" PRIu64 ", %" PRIu64 "]", k ? ", " : "",
			traced_memory_kind_word((enum traced_memory_kind)k), m->totals[k].calls,
			m->totals[k].bytes);
	fputs("}, \"sites\": [", f);
	for (size_t i = 0; i < m->n_sites; i++) {
		const struct traced_memory_site *s = &m->sites[i];

		fprintf(f, "%s{\"kind\": \"%s\", \"calls\": %" PRIu64 ", \"bytes\": %" PRIu64
			", \"hash\": %" PRIu64 ", ", i ? ", " : "",
			traced_memory_kind_word(s->kind), s->sum.calls, s->sum.bytes, s->hash);
		print_pcs(f, s->pcs, s->n_pcs);
		fputc('}', f);
	}
	fputs("], \"samples\": [", f);
	for (size_t i = 0; i < m->n_samples; i++) {
		const struct traced_memory_sample *s = &m->samples[i];

		fprintf(f,
			"%s{\"kind\": \"%s\", \"tid\": %d, \"addr\": %" PRIu64 ", \"bytes\": %" PRIu64
			", \"pc\": %" PRIu64 ", \"stack_bytes\": %zu}",
			i ? ", " : "", traced_memory_kind_word(s->kind), s->tid, s->addr, s->bytes,
			s->stack.regs[STACK_COPY_PC], s->stack.n_bytes);
	}
	fputs("], \"ranges\": [", f);
	for (size_t i = 0; i < m->n_ranges; i++) {
		const struct traced_memory_range *r = &m->ranges[i];

		fprintf(f, "%s{\"had\": %d, \"addr\": %" PRIu64 ", \"bytes\": %" PRIu64
			", \"moved_from\": %" PRIu64 ", \"moved_bytes\": %" PRIu64
			", \"site\": %" PRIu64 "}",
			i ? ", " : "", r->had, r->addr, r->bytes, r->moved_from, r->moved_bytes,
			r->site);
	}
	fprintf(f,
		"], \"failed\": %" PRIu64 ", \"peak_anon\": %" PRIu64 ", \"lost_sites\": %" PRIu64
		", \"lost_samples\": %" PRIu64 ", \"lost_ranges\": %" PRIu64 "}",
		m->failed, m->peak_anon_bytes, m->lost_sites, m->lost_samples,
		m->lost_ranges);
}

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* What a system call costs more, and how long it takes to arm and to disarm, in milliseconds. */
static int print_price(FILE *f)
{
	double arm_ms = 0, disarm_ms = 0;

	memory_trace_disarm(trace, MEMORY_TRACE_SYSCALLS | MEMORY_TRACE_FAULTS);
	for (int i = 0; i < 10; i++) {
		double t = now_ms();
		int r = memory_trace_arm(trace, MEMORY_TRACE_SYSCALLS | MEMORY_TRACE_FAULTS, NULL);

		if (r < 0)
			return r;
		arm_ms += now_ms() - t;
		t = now_ms();
		memory_trace_disarm(trace, MEMORY_TRACE_SYSCALLS | MEMORY_TRACE_FAULTS);
		disarm_ms += now_ms() - t;
	}
	fprintf(f, "{\"syscall_ns\": %.1f, \"arm_ms\": %.3f, \"disarm_ms\": %.3f}",
		memory_trace_syscall_ns(trace), arm_ms / 10, disarm_ms / 10);
	return 0;
}

static int answer(const char *command, FILE *f)
{
	CLEANUP(arena_free_p) struct arena *a = arena_new();
	struct traced_memory m;
	int r;

	if (!a)
		return -ENOMEM;
	if (strcmp(command, "price") == 0)
		return print_price(f);
	if (strcmp(command, "collect") != 0)
		return -EINVAL;
	r = memory_trace_collect(trace, a, &m);
	if (r == 0)
		print(&m, f);
	return r;
}

static void stop(void)
{
	memory_trace_close(trace);
}

const struct checker memory_checker = { "memory", start, answer, stop };
