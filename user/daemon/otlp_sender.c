// SPDX-License-Identifier: Apache-2.0
#include "daemon/otlp_sender.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/clock.h"
#include "daemon/otlp_post.h"
#include "report/gzip.h"

#define RETRY_MIN_S 1.0
#define RETRY_MAX_S 60.0
#define GIVE_UP_S 300.0

/* A request that waits; or, behind `settled`, one that came out. */
struct parcel {
	struct parcel *next;
	struct otlp_request r;	/* compressed once it was tried */
	double born_s;		/* CLOCK_MONOTONIC, as all times here */
	bool packed, arrived;
};

struct parcels {
	struct parcel *first, **end;
	uint32_t n;
	size_t bytes;
};

struct otlp_sender {
	struct otlp_post *post;
	double retry_min_s, retry_max_s, give_up_s;
	void (*say)(void *ctx, bool good, const char *sentence);
	void *ctx;
	pthread_t thread;
	uint32_t failures;	/* in a row; the thread's own */
	pthread_mutex_t lock;	/* of all below */
	pthread_cond_t change;
	struct parcels queue, settled;
	bool sending;		/* one is on its way that is not in the queue */
	bool closing, ended;
	struct otlp_counts counts;
};

/* --- Parcels --- */

static void parcels_init(struct parcels *p)
{
	*p = (struct parcels){ .end = &p->first };
}

static void parcels_add(struct parcels *p, struct parcel *one)
{
	one->next = NULL;
	*p->end = one;
	p->end = &one->next;
	p->n++;
	p->bytes += one->r.len;
}

static struct parcel *parcels_take(struct parcels *p)
{
	struct parcel *one = p->first;

	if (!one)
		return NULL;
	p->first = one->next;
	if (!p->first)
		p->end = &p->first;
	p->n--;
	p->bytes -= one->r.len;
	return one;
}

static void parcel_free(struct parcel *one)
{
	free(one->r.bytes);
	free(one);
}

static void parcels_done(struct parcels *p)
{
	for (struct parcel *one; (one = parcels_take(p));)
		parcel_free(one);
}

/* It came out one way or the other; under the lock. What nothing depends on is forgotten. */
static void settle(struct otlp_sender *s, struct parcel *one, bool arrived)
{
	if (!one->r.ticket) {
		parcel_free(one);
		return;
	}
	free(one->r.bytes);
	one->r.bytes = NULL;
	one->r.len = 0;
	one->arrived = arrived;
	parcels_add(&s->settled, one);
}

static void drop(struct otlp_sender *s, struct parcel *one)
{
	s->counts.dropped++;
	settle(s, one, false);
}

int otlp_sender_put(void *ctx, struct otlp_request *r)
{
	struct otlp_sender *s = ctx;
	struct parcel *one = calloc(1, sizeof(*one));

	if (!one)
		return -ENOMEM;
	one->born_s = clock_now_s(CLOCK_MONOTONIC);
	one->r = *r;
	r->bytes = NULL;
	pthread_mutex_lock(&s->lock);
	parcels_add(&s->queue, one);
	while (s->queue.n > 1 && (s->queue.n > OTLP_QUEUE || s->queue.bytes > OTLP_QUEUE_BYTES))
		drop(s, parcels_take(&s->queue));
	pthread_cond_broadcast(&s->change);
	pthread_mutex_unlock(&s->lock);
	return 0;
}

void otlp_sender_settle(struct otlp_sender *s,
			void (*settled)(void *ctx, uint64_t ticket, bool arrived), void *ctx)
{
	struct parcels all;

	parcels_init(&all);
	pthread_mutex_lock(&s->lock);
	for (struct parcel *one; (one = parcels_take(&s->settled));)
		parcels_add(&all, one);
	pthread_mutex_unlock(&s->lock);
	for (struct parcel *one; (one = parcels_take(&all));) {
		settled(ctx, one->r.ticket, one->arrived);
		parcel_free(one);
	}
}

void otlp_sender_counts(struct otlp_sender *s, struct otlp_counts *ret)
{
	pthread_mutex_lock(&s->lock);
	*ret = s->counts;
	ret->waiting = s->queue.n + s->sending;
	pthread_mutex_unlock(&s->lock);
}

/* --- One request --- */

double otlp_backoff(double min_s, double max_s, uint32_t failed, double after_s, double chance)
{
	double s = min_s * pow(2, failed ? (failed < 32 ? failed : 32) - 1 : 0);

	s = (s < max_s ? s : max_s) * (0.5 + chance / 2);
	/* Not before; and not all of those who were told the same in one moment. */
	return after_s > 0 ? after_s + s * 0.5 : s;
}

static double chance(void)
{
	uint32_t r = 0;

	if (getrandom(&r, sizeof(r), GRND_NONBLOCK) != sizeof(r))
		r = (uint32_t)clock_now_ns(CLOCK_MONOTONIC) * 2654435761u;
	return (double)r / UINT32_MAX;
}

__attribute__((format(printf, 3, 4)))
static void say(struct otlp_sender *s, bool good, const char *fmt, ...)
{
	char text[768];
	va_list args;

	if (!s->say)
		return;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	s->say(s->ctx, good, text);
}

/* -ENOMEM. */
static int pack(struct parcel *one)
{
	struct gzip g;
	char *bytes = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&bytes, &len);
	int r = out ? gzip_begin(&g, out) : -ENOMEM;

	if (r == 0) {
		r = gzip_write(&g, one->r.bytes, one->r.len);
		r = gzip_end(&g) < 0 ? -ENOMEM : r;
	}
	if (out && fclose(out) != 0)
		r = -ENOMEM;
	if (r < 0) {
		free(bytes);
		return -ENOMEM;
	}
	free(one->r.bytes);
	one->r.bytes = (uint8_t *)bytes;
	one->r.len = len;
	one->packed = true;
	return 0;
}

static void try(struct otlp_sender *s, struct parcel *one, struct otlp_answer *ret)
{
	if (!one->packed && pack(one) < 0) {
		*ret = (struct otlp_answer){ .outcome = OTLP_REFUSED, .why = "memory is short" };
		return;
	}
	otlp_post(s->post, one->r.kind, one->r.bytes, one->r.len, ret);
}

static void tell(struct otlp_sender *s, const struct otlp_answer *a, const struct parcel *one)
{
	static const char *const kinds[] = { [OTLP_METRICS] = "metrics", [OTLP_LOGS] = "findings" };
	const char *url = otlp_post_url(s->post), *kind = kinds[one->r.kind];

	switch (a->outcome) {
	case OTLP_ACCEPTED:
		if (s->failures)
			say(s, true, "%s takes %s again, after %u tries that failed", url, kind,
			    s->failures);
		if (a->reply.rejected || a->reply.message[0])
			say(s, false, "%s left out %llu of %llu %s: %s", url,
			    (unsigned long long)a->reply.rejected,
			    (unsigned long long)one->r.items,
			    one->r.kind == OTLP_METRICS ? "points" : "findings", a->reply.message);
		break;
	case OTLP_LATER:
		if (!s->failures)
			say(s, false, "%s does not take %s: %s; it is tried again", url, kind,
			    a->why);
		break;
	case OTLP_REFUSED:
		say(s, false, "%s refuses %s: %s; they are dropped", url, kind, a->why);
		break;
	case OTLP_ABORTED:
		break;
	}
}

/* --- The thread; it has the lock but for a try --- */

/* Until the time, or until it is to end. */
static void wait_for(struct otlp_sender *s, double until_s)
{
	struct timespec t = { .tv_sec = (time_t)until_s,
			      .tv_nsec = (long)((until_s - floor(until_s)) * 1e9) };

	while (!s->closing && clock_now_s(CLOCK_MONOTONIC) < until_s)
		pthread_cond_timedwait(&s->change, &s->lock, &t);
}

/* The oldest that is not too old yet. */
static struct parcel *next_parcel(struct otlp_sender *s)
{
	for (struct parcel *one; (one = parcels_take(&s->queue));) {
		if (clock_now_s(CLOCK_MONOTONIC) - one->born_s < s->give_up_s)
			return one;
		drop(s, one);
	}
	return NULL;
}

static bool is_too_old(const struct otlp_sender *s, const struct parcel *one, double at_s)
{
	return at_s - one->born_s >= s->give_up_s;
}

/* What came of a try. True: it is to be tried again, at *again_s. */
static bool book(struct otlp_sender *s, struct parcel *one, const struct otlp_answer *a,
		 double *again_s)
{
	if (a->outcome == OTLP_ACCEPTED) {
		s->failures = 0;
		s->counts.sent++;
		s->counts.rejected += a->reply.rejected < one->r.items ? a->reply.rejected
								       : one->r.items;
		settle(s, one, true);
		return false;
	}
	s->counts.failed++;
	if (a->outcome == OTLP_LATER) {
		s->failures++;
		*again_s = clock_now_s(CLOCK_MONOTONIC) +
			   otlp_backoff(s->retry_min_s, s->retry_max_s, s->failures, a->after_s,
					chance());
		/* When it ends, each has one try; and what would be too old then need not wait. */
		if (!s->closing && !is_too_old(s, one, *again_s))
			return true;
	}
	drop(s, one);
	return false;
}

static void send(struct otlp_sender *s, struct parcel *one)
{
	struct otlp_answer a;
	double again_s = 0;
	bool again;

	do {
		wait_for(s, again_s);
		pthread_mutex_unlock(&s->lock);
		try(s, one, &a);
		tell(s, &a, one);
		pthread_mutex_lock(&s->lock);
		again = book(s, one, &a, &again_s);
	} while (again);
	/* The next one is not to be tried sooner than this one would have been. */
	if (a.outcome == OTLP_LATER)
		wait_for(s, again_s);
}

static void *run(void *ctx)
{
	struct otlp_sender *s = ctx;
	struct parcel *one;

	pthread_mutex_lock(&s->lock);
	for (;;) {
		one = next_parcel(s);
		if (one) {
			s->sending = true;
			send(s, one);
			s->sending = false;
		} else if (s->closing) {
			break;
		} else {
			pthread_cond_wait(&s->change, &s->lock);
		}
	}
	s->ended = true;
	pthread_cond_broadcast(&s->change);
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

/* --- Its beginning and its end --- */

static void sender_free(struct otlp_sender *s)
{
	parcels_done(&s->queue);
	parcels_done(&s->settled);
	otlp_post_free(s->post);
	pthread_cond_destroy(&s->change);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

/* Signals are for the thread that waits for them. */
static int start_thread(struct otlp_sender *s, struct diag *d)
{
	sigset_t all, old;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&s->thread, NULL, run, s);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return r ? diag_fail(d, -r, "no thread can be started for it") : 0;
}

static double or_default(double value, double otherwise)
{
	return value > 0 && value < 1e6 ? value : otherwise;
}

int otlp_sender_start(const struct otlp_config *c, struct otlp_sender **ret, struct diag *d)
{
	struct otlp_sender *s = calloc(1, sizeof(*s));
	pthread_condattr_t attr;
	int r;

	if (!s)
		return -ENOMEM;
	s->retry_min_s = or_default(c->retry_min_s, RETRY_MIN_S);
	s->retry_max_s = or_default(c->retry_max_s, RETRY_MAX_S);
	s->give_up_s = or_default(c->give_up_s, GIVE_UP_S);
	s->say = c->say;
	s->ctx = c->ctx;
	parcels_init(&s->queue);
	parcels_init(&s->settled);
	pthread_mutex_init(&s->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&s->change, &attr);
	pthread_condattr_destroy(&attr);
	r = otlp_post_new(c, &s->post, d);
	if (r == 0)
		r = start_thread(s, d);
	if (r < 0)
		sender_free(s);
	else
		*ret = s;
	return r;
}

void otlp_sender_stop(struct otlp_sender *s, double linger_s)
{
	double until_s = clock_now_s(CLOCK_MONOTONIC) + linger_s;
	struct timespec t = { .tv_sec = (time_t)until_s,
			      .tv_nsec = (long)((until_s - floor(until_s)) * 1e9) };

	pthread_mutex_lock(&s->lock);
	s->closing = true;
	pthread_cond_broadcast(&s->change);
	while (!s->ended && clock_now_s(CLOCK_MONOTONIC) < until_s)
		pthread_cond_timedwait(&s->change, &s->lock, &t);
	pthread_mutex_unlock(&s->lock);
	otlp_post_abort(s->post);
	pthread_join(s->thread, NULL);
	sender_free(s);
}
