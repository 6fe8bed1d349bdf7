// SPDX-License-Identifier: Apache-2.0
#include "daemon/http_guests.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#include "base/clock.h"

struct crowd {
	struct guest *first, *last;
	size_t n;
};

struct guests {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct guests_limits limits;
	void (*late)(void *waits_for);
	struct crowd crowds[GUEST_STAGES];
	size_t n, sent_away;
	bool end;
	pthread_t porter;
};

/* How often it is looked who is late: a time may be so much longer. */
enum { PORTER_S = 1 };

/* The lock is held, here and below. */
static void unlink_guest(struct guests *g, struct guest *one)
{
	struct crowd *c = &g->crowds[one->stage];

	*(one->prev ? &one->prev->next : &c->first) = one->next;
	*(one->next ? &one->next->prev : &c->last) = one->prev;
	c->n--;
}

static void link_guest(struct guests *g, struct guest *one, enum guest_stage stage)
{
	struct crowd *c = &g->crowds[stage];

	one->stage = stage;
	one->since_s = clock_now_s(CLOCK_MONOTONIC);
	one->next = NULL;
	one->prev = c->last;
	*(c->last ? &c->last->next : &c->first) = one;
	c->last = one;
	c->n++;
}

static void relink(struct guests *g, struct guest *one, enum guest_stage stage)
{
	unlink_guest(g, one);
	link_guest(g, one, stage);
}

static void send_away(struct guests *g, struct guest *one)
{
	relink(g, one, GUEST_LEAVING);
	g->sent_away++;
	shutdown(one->fd, SHUT_RDWR);
}

static void make_room(struct guests *g)
{
	static const enum guest_stage movable[] = { GUEST_NEW, GUEST_IDLE, GUEST_TAKING };
	struct crowd *largest = &g->crowds[GUEST_NEW];

	if (g->n - g->crowds[GUEST_LEAVING].n < g->limits.places - g->limits.places / 8)
		return;
	for (size_t i = 1; i < ARRAY_SIZE(movable); i++)
		if (g->crowds[movable[i]].n > largest->n)
			largest = &g->crowds[movable[i]];
	if (largest->n)
		send_away(g, largest->first);
}

static void check_stage(struct guests *g, enum guest_stage stage, double now_s)
{
	double limit_s = g->limits.stage_s[stage];
	struct guest *one;

	while (limit_s > 0 && (one = g->crowds[stage].first) && now_s - one->since_s > limit_s) {
		if (stage != GUEST_WAITING) {
			send_away(g, one);
			continue;
		}
		/* It will be answered, and not be asked about again before that. */
		g->late(one->waits_for);
		relink(g, one, GUEST_WAITING);
	}
}

static void *work_as_porter(void *arg)
{
	struct guests *g = arg;
	struct timespec until;

	pthread_mutex_lock(&g->lock);
	while (!g->end) {
		/* Without guests there is nothing to wake up for. */
		if (!g->n) {
			pthread_cond_wait(&g->changed, &g->lock);
			continue;
		}
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_sec += PORTER_S;
		pthread_cond_timedwait(&g->changed, &g->lock, &until);
		for (int s = 0; s < GUEST_LEAVING; s++)
			check_stage(g, (enum guest_stage)s, clock_now_s(CLOCK_MONOTONIC));
	}
	pthread_mutex_unlock(&g->lock);
	return NULL;
}

/* Signals are for the thread that called us. */
static int hire_porter(struct guests *g)
{
	sigset_t all, old;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&g->porter, NULL, work_as_porter, g);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return r;
}

struct guests *guests_new(const struct guests_limits *limits, void (*late)(void *waits_for))
{
	struct guests *g = calloc(1, sizeof(*g));
	pthread_condattr_t attr;

	if (!g)
		return NULL;
	g->limits = *limits;
	g->late = late;
	pthread_mutex_init(&g->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&g->changed, &attr);
	pthread_condattr_destroy(&attr);
	if (hire_porter(g) == 0)
		return g;
	pthread_cond_destroy(&g->changed);
	pthread_mutex_destroy(&g->lock);
	free(g);
	return NULL;
}

void guests_free(struct guests *g)
{
	if (!g)
		return;
	pthread_mutex_lock(&g->lock);
	g->end = true;
	pthread_cond_signal(&g->changed);
	pthread_mutex_unlock(&g->lock);
	pthread_join(g->porter, NULL);
	pthread_cond_destroy(&g->changed);
	pthread_mutex_destroy(&g->lock);
	free(g);
}

struct guest *guests_admit(struct guests *g, int fd)
{
	struct guest *one = calloc(1, sizeof(*one));

	if (!one)
		return NULL;
	one->fd = fd;
	pthread_mutex_lock(&g->lock);
	make_room(g);
	link_guest(g, one, GUEST_NEW);
	/* The porter sleeps while nobody is here. */
	if (!g->n++)
		pthread_cond_signal(&g->changed);
	pthread_mutex_unlock(&g->lock);
	return one;
}

void guests_leave(struct guests *g, struct guest *one)
{
	if (!one)
		return;
	pthread_mutex_lock(&g->lock);
	unlink_guest(g, one);
	g->n--;
	pthread_mutex_unlock(&g->lock);
	free(one);
}

void guests_move(struct guests *g, struct guest *one, enum guest_stage stage)
{
	if (!one)
		return;
	pthread_mutex_lock(&g->lock);
	if (one->stage != GUEST_LEAVING)
		relink(g, one, stage);
	pthread_mutex_unlock(&g->lock);
}

bool guests_wait(struct guests *g, struct guest *one, void *waits_for)
{
	bool may;

	if (!one)
		return false;
	pthread_mutex_lock(&g->lock);
	may = one->stage != GUEST_LEAVING &&
	      g->crowds[GUEST_WAITING].n < g->limits.places - g->limits.places / 4;
	if (may) {
		one->waits_for = waits_for;
		relink(g, one, GUEST_WAITING);
	}
	pthread_mutex_unlock(&g->lock);
	return may;
}

void guests_send_idle_away(struct guests *g)
{
	pthread_mutex_lock(&g->lock);
	while (g->crowds[GUEST_IDLE].first)
		send_away(g, g->crowds[GUEST_IDLE].first);
	while (g->crowds[GUEST_NEW].first)
		send_away(g, g->crowds[GUEST_NEW].first);
	pthread_mutex_unlock(&g->lock);
}

void guests_drain(struct guests *g, double limit_s)
{
	double until_s = clock_now_s(CLOCK_MONOTONIC) + limit_s;
	struct timespec moment = { .tv_nsec = 5000000 };

	pthread_mutex_lock(&g->lock);
	while ((g->crowds[GUEST_WAITING].n || g->crowds[GUEST_TAKING].n) &&
	       clock_now_s(CLOCK_MONOTONIC) < until_s) {
		pthread_mutex_unlock(&g->lock);
		nanosleep(&moment, NULL);
		pthread_mutex_lock(&g->lock);
	}
	pthread_mutex_unlock(&g->lock);
}

size_t guests_sent_away(struct guests *g)
{
	size_t n;

	pthread_mutex_lock(&g->lock);
	n = g->sent_away;
	pthread_mutex_unlock(&g->lock);
	return n;
}
