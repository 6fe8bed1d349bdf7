// SPDX-License-Identifier: Apache-2.0
#include "trace/burst.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "trace/governor.h"

#define ASK_FIRST_S 0.005
#define ASK_LAST_S 0.1

struct burst {
	struct burst_ops ops;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;		/* a wish, or the state */
	/* Below the lock: wishes, ... */
	double duty, once_s;
	uint64_t wishes;		/* counts changes of them */
	bool stop;
	/* ... and the state. */
	struct burst_state state;
	uint64_t seed;			/* of the thread alone */
};

/* Waits up to that long for another wish than number `seen`; infinite: until there is one. */
static void wait_for_wish(struct burst *b, double seconds, uint64_t seen)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	if (isfinite(seconds)) {
		uint64_t ns = (uint64_t)until.tv_nsec + (uint64_t)(seconds * 1e9);

		until.tv_sec += (time_t)(ns / 1000000000u);
		until.tv_nsec = (long)(ns % 1000000000u);
	}
	while (!b->stop && b->wishes == seen) {
		if (!isfinite(seconds))
			pthread_cond_wait(&b->changed, &b->lock);
		else if (pthread_cond_timedwait(&b->changed, &b->lock, &until) == ETIMEDOUT)
			return;
	}
}

/* When to ask next: as long again as it has been on, so that asking costs little. */
static double until_asked(const struct burst *b, double gone)
{
	if (!b->ops.enough)
		return INFINITY;
	return fmin(fmax(gone, ASK_FIRST_S), ASK_LAST_S);
}

/*
 * The rest of a burst: shorter than it was planned only when the wish is now for none, when it has
 * been enough, or at the end.
 */
static void stay_on(struct burst *b, double seconds, bool planned_for_good)
{
	struct timespec start;

	clock_gettime(CLOCK_MONOTONIC, &start);
	for (;;) {
		uint64_t seen = b->wishes;
		double gone = clock_since_s(start);
		double left = planned_for_good ? INFINITY : seconds - gone;

		if (b->stop || (planned_for_good ? b->duty < 1 : left <= 0))
			return;
		wait_for_wish(b, fmin(left, until_asked(b, gone)), seen);
		if (b->ops.enough && b->ops.enough(b->ops.enough_arg)) {
			b->duty = 0;
			return;
		}
	}
}

/* One burst; the lock is held but while probes are switched. */
static void burst_run(struct burst *b, double seconds, bool for_good)
{
	struct diag d = DIAG_INIT;
	uint64_t cpu;
	int r;

	pthread_mutex_unlock(&b->lock);
	cpu = clock_now_ns(CLOCK_THREAD_CPUTIME_ID);
	r = b->ops.arm(b->ops.arg, &d);
	cpu = clock_now_ns(CLOCK_THREAD_CPUTIME_ID) - cpu;
	pthread_mutex_lock(&b->lock);
	if (r < 0) {
		b->state.failed = r;
		b->state.why = d;
		pthread_cond_broadcast(&b->changed);
		return;
	}
	b->state.on = true;
	pthread_cond_broadcast(&b->changed);
	stay_on(b, seconds, for_good);
	pthread_mutex_unlock(&b->lock);
	cpu -= clock_now_ns(CLOCK_THREAD_CPUTIME_ID);
	b->ops.disarm(b->ops.arg);
	cpu += clock_now_ns(CLOCK_THREAD_CPUTIME_ID);
	pthread_mutex_lock(&b->lock);
	b->state.on = false;
	b->state.bursts++;
	b->state.switch_ns += cpu;
	pthread_cond_broadcast(&b->changed);
}

/*
 * The pause, as a share of which `*gone` is over: when a wish comes in between, what is left of a
 * pause of another length is that share of it. So a stream of small changes puts nothing off.
 */
static bool pause_over(struct burst *b, double seconds, uint64_t seen, double *gone)
{
	struct timespec from;

	if (seconds > 0) {
		clock_gettime(CLOCK_MONOTONIC, &from);
		wait_for_wish(b, seconds * (1 - *gone), seen);
		*gone += clock_since_s(from) / seconds;
	}
	if (b->stop || (seconds > 0 && *gone < 1))
		return false;
	*gone = 0;
	return true;
}

static void *burst_main(void *arg)
{
	const struct sched_param first = { .sched_priority = sched_get_priority_min(SCHED_RR) };
	struct burst *b = arg;
	double gone = 0;

	/* Without CAP_SYS_NICE bursts are as long as the scheduler has it. */
	sched_setscheduler(0, SCHED_RR, &first);

	pthread_mutex_lock(&b->lock);
	while (!b->stop) {
		uint64_t seen = b->wishes;
		struct burst_plan p;

		if (b->state.failed) {
			wait_for_wish(b, INFINITY, seen);
		} else if (b->once_s > 0) {
			double on = b->once_s;

			b->once_s = 0;
			burst_run(b, on, false);
		} else if (b->duty <= 0) {
			wait_for_wish(b, INFINITY, seen);
		} else {
			p = governor_burst(b->duty, b->ops.slow, &b->seed);
			/* The pause first: the burst before it may just have ended. */
			if (pause_over(b, p.off_s, seen, &gone) && p.on_s > 0)
				burst_run(b, p.on_s, p.off_s <= 0);
		}
	}
	pthread_mutex_unlock(&b->lock);
	return NULL;
}

int burst_start(const struct burst_ops *ops, uint64_t seed, struct burst **ret)
{
	struct burst *b = calloc(1, sizeof(*b));
	pthread_condattr_t attr;
	sigset_t all, old;
	int r;

	if (!b)
		return -ENOMEM;
	b->ops = *ops;
	b->seed = seed;
	pthread_mutex_init(&b->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&b->changed, &attr);
	pthread_condattr_destroy(&attr);
	/* Signals are for the thread that called us. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&b->thread, NULL, burst_main, b);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (r) {
		free(b);
		return -r;
	}
	*ret = b;
	return 0;
}

static void wish(struct burst *b)
{
	b->wishes++;
	pthread_cond_broadcast(&b->changed);
	pthread_mutex_unlock(&b->lock);
}

void burst_stop(struct burst *b)
{
	if (!b)
		return;
	pthread_mutex_lock(&b->lock);
	b->stop = true;
	wish(b);
	pthread_join(b->thread, NULL);
	pthread_cond_destroy(&b->changed);
	pthread_mutex_destroy(&b->lock);
	free(b);
}

void burst_set_duty(struct burst *b, double duty)
{
	pthread_mutex_lock(&b->lock);
	if (b->duty == duty) {
		pthread_mutex_unlock(&b->lock);
		return;
	}
	b->duty = duty;
	wish(b);
}

void burst_once(struct burst *b, double on_s)
{
	pthread_mutex_lock(&b->lock);
	b->once_s = on_s;
	wish(b);
}

void burst_state(struct burst *b, struct burst_state *ret)
{
	pthread_mutex_lock(&b->lock);
	*ret = b->state;
	pthread_mutex_unlock(&b->lock);
}

int burst_wait(struct burst *b, uint64_t bursts, unsigned int timeout_ms)
{
	struct timespec until;
	int r = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += timeout_ms / 1000;
	until.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	pthread_mutex_lock(&b->lock);
	while (r == 0 && b->state.bursts < bursts && !b->state.failed)
		r = pthread_cond_timedwait(&b->changed, &b->lock, &until);
	pthread_mutex_unlock(&b->lock);
	return -r;
}
