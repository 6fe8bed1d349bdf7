// SPDX-License-Identifier: Apache-2.0
#include "daemon/single_flight.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

struct shared_flight {
	struct single_flight *of;
	struct shared_flight *next;
	struct ask ask;
	struct flight_waiter *waiters;
};

struct single_flight {
	pthread_mutex_t lock;	/* never held while somebody else's code runs */
	struct cell_port port;
	struct single_flight_limits limits;
	struct shared_flight *flights;
	uint32_t n_flights;
	uint64_t held_bytes;
	bool shut;
	unsigned int holders;	/* who made it, flights and landings */
};

struct single_flight *single_flight_new(const struct cell_port *port,
					const struct single_flight_limits *limits)
{
	struct single_flight *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	pthread_mutex_init(&s->lock, NULL);
	s->port = *port;
	s->limits = *limits;
	s->holders = 1;
	return s;
}

static void let_go(struct single_flight *s)
{
	if (__atomic_sub_fetch(&s->holders, 1, __ATOMIC_ACQ_REL))
		return;
	pthread_mutex_destroy(&s->lock);
	free(s);
}

void landing_free(struct landing *l)
{
	if (!l || __atomic_sub_fetch(&l->holders, 1, __ATOMIC_ACQ_REL))
		return;
	pthread_mutex_lock(&l->of->lock);
	l->of->held_bytes -= l->len;
	pthread_mutex_unlock(&l->of->lock);
	let_go(l->of);
	free(l->bytes);
	free(l);
}

/* Takes bytes. Held once, by the caller. */
static struct landing *landing_new(struct single_flight *s, int err, const struct diag *d,
				   char *bytes, size_t len)
{
	struct landing *l = malloc(sizeof(*l));

	if (!l) {
		free(bytes);
		return NULL;
	}
	*l = (struct landing){ .err = err, .bytes = bytes, .len = bytes ? len : 0, .of = s,
			       .holders = 1 };
	if (d)
		l->diag = *d;
	__atomic_add_fetch(&s->holders, 1, __ATOMIC_RELAXED);
	pthread_mutex_lock(&s->lock);
	s->held_bytes += l->len;
	pthread_mutex_unlock(&s->lock);
	return l;
}

static void tell_all(struct flight_waiter *first, struct landing *l)
{
	while (first) {
		struct flight_waiter *w = first;

		/* It may be gone once it has been told. */
		first = w->next;
		if (l)
			__atomic_add_fetch(&l->holders, 1, __ATOMIC_RELAXED);
		w->told(w, l);
	}
}

/* With the lock held: nobody can leave any more, and all are told by the caller. */
static struct flight_waiter *take_waiters(struct shared_flight *f)
{
	struct flight_waiter *all = TAKE(f->waiters);

	for (struct flight_waiter *w = all; w; w = w->next)
		w->flight = NULL;
	return all;
}

/* With the lock held. */
static void unlink_flight(struct shared_flight *f)
{
	struct shared_flight **at = &f->of->flights;

	while (*at != f)
		at = &(*at)->next;
	*at = f->next;
	f->of->n_flights--;
}

static void landed(void *done_arg, int err, const struct diag *d, char *bytes, size_t len)
{
	struct shared_flight *f = done_arg;
	struct single_flight *s = f->of;
	struct landing *l = landing_new(s, err, d, bytes, len);
	struct flight_waiter *waiters;

	pthread_mutex_lock(&s->lock);
	unlink_flight(f);
	waiters = take_waiters(f);
	pthread_mutex_unlock(&s->lock);
	tell_all(waiters, l);
	landing_free(l);
	free(f);
	let_go(s);
}

void single_flight_shut(struct single_flight *s)
{
	struct diag d = DIAG_INIT;
	struct landing *l;

	diag_fail(&d, -ESHUTDOWN, "loiter is being stopped");
	l = landing_new(s, -ESHUTDOWN, &d, NULL, 0);
	pthread_mutex_lock(&s->lock);
	s->shut = true;
	for (struct shared_flight *f = s->flights; f;) {
		struct flight_waiter *waiters = take_waiters(f);

		if (!waiters) {
			f = f->next;
			continue;
		}
		pthread_mutex_unlock(&s->lock);
		tell_all(waiters, l);
		pthread_mutex_lock(&s->lock);
		/* Flights may have landed meanwhile; none begins. */
		f = s->flights;
	}
	pthread_mutex_unlock(&s->lock);
	landing_free(l);
}

void single_flight_free(struct single_flight *s)
{
	if (!s)
		return;
	single_flight_shut(s);
	let_go(s);
}

/* With the lock held. */
static struct shared_flight *find_flight(struct single_flight *s, const struct ask *ask)
{
	for (struct shared_flight *f = s->flights; f; f = f->next)
		if (ask_equal(&f->ask, ask))
			return f;
	return NULL;
}

/* With the lock held. */
static int may_start(const struct single_flight *s, struct diag *d)
{
	if (s->n_flights >= s->limits.flights)
		return diag_fail(d, -EBUSY, "%u other processes are being looked at; try again "
				 "in some seconds", s->n_flights);
	if (s->held_bytes > s->limits.bytes)
		return diag_fail(d, -EBUSY, "earlier answers are still being fetched; try again in "
				 "some seconds");
	return 0;
}

/* With the lock held. *begun: it is a new one, which is still to be started. */
static int board_flight(struct single_flight *s, const struct ask *ask, struct flight_waiter *w,
			struct shared_flight **begun, struct diag *d)
{
	struct shared_flight *f = find_flight(s, ask);
	int r;

	*begun = NULL;
	if (s->shut)
		return diag_fail(d, -ESHUTDOWN, "loiter is being stopped");
	if (!f) {
		r = may_start(s, d);
		if (r < 0)
			return r;
		f = calloc(1, sizeof(*f));
		if (!f)
			return -ENOMEM;
		*f = (struct shared_flight){ .of = s, .next = s->flights, .ask = *ask };
		s->flights = f;
		s->n_flights++;
		__atomic_add_fetch(&s->holders, 1, __ATOMIC_RELAXED);
		*begun = f;
	}
	w->flight = f;
	w->next = f->waiters;
	f->waiters = w;
	return 0;
}

int single_flight_join(struct single_flight *s, const struct ask *ask, struct flight_waiter *w,
		       struct diag *d)
{
	struct diag why = DIAG_INIT;
	struct shared_flight *begun;
	int r;

	pthread_mutex_lock(&s->lock);
	r = board_flight(s, ask, w, &begun, d);
	pthread_mutex_unlock(&s->lock);
	if (r < 0 || !begun)
		return r;
	r = s->port.start(s->port.arg, ask, landed, begun, &why);
	/* Others may have joined by now: a start that is refused is a landing as any other. */
	if (r < 0)
		landed(begun, r, &why, NULL, 0);
	return 0;
}

bool single_flight_leave(struct single_flight *s, struct flight_waiter *w)
{
	struct flight_waiter **at;
	bool waits;

	pthread_mutex_lock(&s->lock);
	waits = w->flight != NULL;
	if (waits) {
		at = &w->flight->waiters;
		while (*at != w)
			at = &(*at)->next;
		*at = w->next;
		w->flight = NULL;
	}
	pthread_mutex_unlock(&s->lock);
	return waits;
}
