// SPDX-License-Identifier: Apache-2.0
#include "trace/watchpoint_cost.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"

enum { ROUNDS = 400, TIMES = 5, WATCHED = 4 };
/* Less is not to be measured, and nothing costs nothing. */
#define LEAST_NS 20.0

/* One of two threads on one processor that wake each other in turn. */
struct side {
	int wait, wake;		/* eventfd(2) */
	int cpu;
	bool watched, begins;
	uint64_t words[WATCHED];
	uint64_t took_ns;
	bool failed;
};

static void play(struct side *s)
{
	uint64_t one = 1;

	for (int i = 0; i < ROUNDS && !s->failed; i++) {
		if (!(s->begins && i == 0))
			s->failed |= read(s->wait, &one, sizeof(one)) != sizeof(one);
		one = 1;
		s->failed |= write(s->wake, &one, sizeof(one)) != sizeof(one);
	}
}

static void *run(void *arg)
{
	struct side *s = arg;
	int fds[WATCHED], n = 0;
	cpu_set_t set;
	uint64_t start;

	CPU_ZERO(&set);
	CPU_SET(s->cpu, &set);
	s->failed = sched_setaffinity(0, sizeof(set), &set) < 0;
	for (; s->watched && n < WATCHED; n++) {
		fds[n] = watchpoint_fd(0, (uintptr_t)&s->words[n]);
		if (fds[n] < 0)
			break;
	}
	s->failed |= s->watched && n < WATCHED;
	start = clock_now_ns(CLOCK_THREAD_CPUTIME_ID);
	play(s);
	s->took_ns = clock_now_ns(CLOCK_THREAD_CPUTIME_ID) - start;
	while (n > 0)
		close(fds[--n]);
	/* Who fails leaves the other waiting. */
	if (s->failed)
		eventfd_write(s->wake, ROUNDS);
	return NULL;
}

/* Of both together; 0: it failed. */
static uint64_t take_turns(int cpu, bool watched)
{
	int a = eventfd(0, EFD_CLOEXEC | EFD_SEMAPHORE), b = eventfd(0, EFD_CLOEXEC | EFD_SEMAPHORE);
	struct side sides[] = {
		{ .wait = a, .wake = b, .cpu = cpu, .watched = watched, .begins = true },
		{ .wait = b, .wake = a, .cpu = cpu, .watched = watched },
	};
	bool ok = a >= 0 && b >= 0;
	pthread_t other;

	if (ok && pthread_create(&other, NULL, run, &sides[1]) == 0) {
		run(&sides[0]);
		pthread_join(other, NULL);
		ok = !sides[0].failed && !sides[1].failed;
	} else {
		ok = false;
	}
	if (a >= 0)
		close(a);
	if (b >= 0)
		close(b);
	return ok ? sides[0].took_ns + sides[1].took_ns : 0;
}

static double measured_ns;

static uint64_t least(uint64_t a, uint64_t b)
{
	return a && a < b ? a : b;
}

/* On a thread of its own, for it binds itself to a processor. */
static void *measure(void *arg)
{
	uint64_t with = UINT64_MAX, without = UINT64_MAX;
	int cpu = sched_getcpu();

	for (int i = 0; i < TIMES && cpu >= 0; i++) {
		without = least(take_turns(cpu, false), without);
		with = least(take_turns(cpu, true), with);
	}
	if (with == UINT64_MAX || without == UINT64_MAX)
		return arg;
	measured_ns = ((double)with - (double)without) / (2.0 * ROUNDS) / WATCHED;
	if (measured_ns < LEAST_NS)
		measured_ns = LEAST_NS;
	return arg;
}

static void measure_once(void)
{
	sigset_t all, old;
	pthread_t t;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	if (pthread_create(&t, NULL, measure, NULL) == 0)
		pthread_join(t, NULL);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

double watchpoint_switch_ns(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, measure_once);
	return measured_ns;
}
