// SPDX-License-Identifier: Apache-2.0
/* The memory collector as trace/pace.h runs it. */
#include "trace/pace.h"

#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "trace/memory.h"
#include "trace/memory_state.h"

enum { PACED = MEMORY_TRACE_ALL };

/* Calls of one measurement, and measurements, of which the quickest counts. */
enum { PRICE_CALLS = 2000, PRICE_ROUNDS = 5 };
/* Where it could not be measured: 0.1 to 0.2 us is usual. */
#define SYSCALL_NS 150.0
/* A page fault that is counted alone; those that are given to their sites are measured. */
#define FAULT_NS 100.0
/* A change of the resident pages: each page fault makes one. 160 to 380 ns were measured. */
#define RSS_NS 200.0

/* Nanoseconds of one short system call: the best of some rounds is the least disturbed one. */
static double call_ns(void)
{
	uint64_t best = UINT64_MAX;

	for (int round = 0; round < PRICE_ROUNDS; round++) {
		uint64_t began = clock_now_ns(CLOCK_THREAD_CPUTIME_ID), took;

		for (int i = 0; i < PRICE_CALLS; i++)
			syscall(SYS_getppid);
		took = clock_now_ns(CLOCK_THREAD_CPUTIME_ID) - began;
		if (took < best)
			best = took;
	}
	return (double)best / PRICE_CALLS;
}

/* We are not the target: our calls take the kernel's slow way and the program's shortest. */
void memory_price(struct memory_trace *m)
{
	double off = call_ns(), on;

	m->syscall_ns = SYSCALL_NS;
	if (memory_trace_arm(m, MEMORY_TRACE_SYSCALLS, NULL) < 0)
		return;
	on = call_ns();
	memory_trace_disarm(m, MEMORY_TRACE_SYSCALLS);
	if (on > off)
		m->syscall_ns = on - off;
}

double memory_trace_syscall_ns(const struct memory_trace *m)
{
	return m->syscall_ns;
}

static int arm(void *arg, struct diag *d)
{
	struct memory_trace *m = arg;
	int r;

	/* The break has moved unseen: the next call tells where it is. */
	if (m->armed_ns)
		m->skel->bss->last_brk = 0;
	r = memory_trace_arm(m, PACED, d);
	if (r < 0)
		return r;
	pthread_mutex_lock(&m->lock);
	m->armed_since_ns = clock_now_ns(CLOCK_MONOTONIC);
	pthread_mutex_unlock(&m->lock);
	return 0;
}

static void disarm(void *arg)
{
	struct memory_trace *m = arg;

	pthread_mutex_lock(&m->lock);
	if (m->armed_since_ns)
		m->armed_ns += clock_now_ns(CLOCK_MONOTONIC) - m->armed_since_ns;
	m->armed_since_ns = 0;
	pthread_mutex_unlock(&m->lock);
	memory_trace_disarm(m, PACED);
}

struct hits {
	uint64_t calls, faults, rss;
	uint64_t ns;		/* that programs took for what is about memory */
};

static int read_hits(struct memory_trace *m, struct hits *ret)
{
	int fd = bpf_map__fd(m->skel->maps.counts), r;
	uint64_t writes = 0;

	r = trace_sum_percpu(fd, EV_MEMORY_SYSCALLS, &ret->calls);
	if (r == 0)
		r = trace_sum_percpu(fd, EV_MEMORY_CALLS + EV_MEMORY_FAULT, &ret->faults);
	if (r == 0)
		r = trace_sum_percpu(fd, EV_MEMORY_CALLS + EV_MEMORY_FAULT_WRITE, &writes);
	if (r == 0)
		r = trace_sum_percpu(fd, EV_MEMORY_RSS_HITS, &ret->rss);
	if (r == 0)
		r = trace_sum_percpu(fd, EV_MEMORY_NS, &ret->ns);
	ret->faults += writes;
	return r;
}

static int load(void *arg, struct pace_load *ret)
{
	struct memory_trace *m = arg;
	struct hits h = { 0 };
	uint64_t hits;
	double cost;
	int r = read_hits(m, &h);

	if (r < 0)
		return r;
	hits = h.calls + h.faults + h.rss;
	cost = (double)h.calls * m->syscall_ns + (double)h.faults * FAULT_NS +
	       (double)h.rss * RSS_NS + (double)h.ns;
	pthread_mutex_lock(&m->lock);
	if (hits > m->priced_hits)
		m->hit_ns = (cost - m->priced_ns) / (double)(hits - m->priced_hits);
	m->priced_hits = hits;
	m->priced_ns = cost;
	*ret = (struct pace_load){
		.hits = hits,
		.armed_ns = m->armed_ns +
			    (m->armed_since_ns ? clock_now_ns(CLOCK_MONOTONIC) - m->armed_since_ns : 0),
		.trap_ns = m->hit_ns,
		.whole = true,
	};
	pthread_mutex_unlock(&m->lock);
	return 0;
}

void memory_trace_collector(struct memory_trace *m, struct pace_collector *ret)
{
	m->hit_ns = m->syscall_ns;
	*ret = (struct pace_collector){ "memory", { arm, disarm, m }, load, 1 };
}
