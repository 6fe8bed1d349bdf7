// SPDX-License-Identifier: Apache-2.0
#include "collect/crew.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"

/* How long crew_free() waits for those that were left to themselves. */
#define LAST_WAIT_S 0.1

struct member {
	struct crew *crew;
	void (*work)(void *arg);	/* NULL: none at the moment */
	void *arg;
	bool *busy;
	double cpu_ms;
	bool left;		/* nobody waits for it any more: it ends with its work */
};

struct crew {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct member *now;	/* who gets the next work; NULL: to be made */
	size_t running, lost;
	bool stop;
};

struct crew *crew_new(void)
{
	struct crew *c = calloc(1, sizeof(*c));
	pthread_condattr_t attr;

	if (!c)
		return NULL;
	pthread_mutex_init(&c->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&c->changed, &attr);
	pthread_condattr_destroy(&attr);
	return c;
}

static struct timespec in(double seconds)
{
	struct timespec t;
	int64_t ns;

	clock_gettime(CLOCK_MONOTONIC, &t);
	ns = t.tv_nsec + (int64_t)(seconds * 1e9);
	t.tv_sec += ns / 1000000000;
	t.tv_nsec = ns % 1000000000;
	return t;
}

bool crew_free(struct crew *c)
{
	struct timespec until = in(LAST_WAIT_S);
	int r = 0;

	if (!c)
		return true;
	pthread_mutex_lock(&c->lock);
	c->stop = true;
	pthread_cond_broadcast(&c->changed);
	while (r == 0 && c->running)
		r = pthread_cond_timedwait(&c->changed, &c->lock, &until);
	r = c->running != 0;
	pthread_mutex_unlock(&c->lock);
	if (r)
		return false;
	pthread_cond_destroy(&c->changed);
	pthread_mutex_destroy(&c->lock);
	free(c);
	return true;
}

static void *serve(void *arg)
{
	struct member *m = arg;
	struct crew *c = m->crew;

	pthread_mutex_lock(&c->lock);
	/* One that was left before it had begun has work to do as well: *busy waits for it. */
	while (m->work || !(m->left || c->stop)) {
		double began;

		if (!m->work) {
			pthread_cond_wait(&c->changed, &c->lock);
			continue;
		}
		pthread_mutex_unlock(&c->lock);
		began = clock_now_s(CLOCK_THREAD_CPUTIME_ID) * 1e3;
		m->work(m->arg);
		pthread_mutex_lock(&c->lock);
		m->cpu_ms = clock_now_s(CLOCK_THREAD_CPUTIME_ID) * 1e3 - began;
		m->work = NULL;
		__atomic_store_n(m->busy, false, __ATOMIC_RELEASE);
		pthread_cond_broadcast(&c->changed);
	}
	c->lost -= m->left;
	if (c->now == m)
		c->now = NULL;
	c->running--;
	pthread_cond_broadcast(&c->changed);
	/* The crew may be gone as soon as the lock is. */
	pthread_mutex_unlock(&c->lock);
	free(m);
	return NULL;
}

/* The lock is held. */
static int hire(struct crew *c)
{
	struct member *m = calloc(1, sizeof(*m));
	sigset_t all, old;
	pthread_attr_t attr;
	pthread_t t;
	int r;

	if (!m)
		return -ENOMEM;
	m->crew = c;
	/* Signals are for the thread that called us. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	r = pthread_create(&t, &attr, serve, m);
	pthread_attr_destroy(&attr);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (r) {
		free(m);
		return -EAGAIN;
	}
	c->now = m;
	c->running++;
	return 0;
}

/* The lock is held. */
static int hand_over(struct crew *c, double limit_s, double *cpu_ms)
{
	struct timespec until = in(limit_s);
	struct member *m = c->now;
	int r = 0;

	pthread_cond_broadcast(&c->changed);
	while (m->work && r == 0)
		r = pthread_cond_timedwait(&c->changed, &c->lock, &until);
	if (!m->work) {
		*cpu_ms = m->cpu_ms;
		return 0;
	}
	m->left = true;
	c->lost++;
	c->now = NULL;
	return -ETIMEDOUT;
}

int crew_run(struct crew *c, void (*work)(void *arg), void *arg, bool *busy, double limit_s,
	     double *cpu_ms)
{
	int r = 0;

	*cpu_ms = 0;
	pthread_mutex_lock(&c->lock);
	if (!c->now)
		r = c->lost >= CREW_LOST ? -EBUSY : hire(c);
	if (r == 0) {
		__atomic_store_n(busy, true, __ATOMIC_RELEASE);
		c->now->work = work;
		c->now->arg = arg;
		c->now->busy = busy;
		r = hand_over(c, limit_s, cpu_ms);
	}
	pthread_mutex_unlock(&c->lock);
	return r;
}

bool crew_busy(const bool *busy)
{
	return __atomic_load_n(busy, __ATOMIC_ACQUIRE);
}

size_t crew_lost(struct crew *c)
{
	size_t n;

	pthread_mutex_lock(&c->lock);
	n = c->lost;
	pthread_mutex_unlock(&c->lock);
	return n;
}
