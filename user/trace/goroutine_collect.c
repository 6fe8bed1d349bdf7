// SPDX-License-Identifier: Apache-2.0
/* From the maps and the ring buffer of bpf/goroutine.bpf.c to the values of the model. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "bpf/events.h"
#include "goroutine.skel.h"
#include "trace/goroutine_state.h"

_Static_assert(TRACED_LOG2 == EV_GOROUTINE_LOG2 && TRACED_FRAMES == EV_FRAMES,
	       "model and wire count alike");

struct drained_record {
	struct ev_goroutine_key key;
	struct ev_goroutine_value value;
};

/* What one collect has taken out of the kernel so far. */
struct goroutine_drain {
	struct drained_record *records;
	size_t n_records, max_records;
	struct ev_goroutine *events;
	size_t n_events, max_events;
	uint64_t *hashes;	/* of all stacks that are mentioned */
	size_t n_hashes, max_hashes;
};

static void drain_done(struct goroutine_drain *d)
{
	free(d->records);
	free(d->events);
	free(d->hashes);
}

/* Makes room for one more; the arrays are bounded by the maps that fill them. */
static int grow(void **array, size_t *max, size_t n, size_t size)
{
	size_t want = *max ? *max * 2 : 256;
	void *p;

	if (n < *max)
		return 0;
	p = reallocarray(*array, want, size);
	if (!p)
		return -ENOMEM;
	*array = p;
	*max = want;
	return 0;
}

static int add_hash(struct goroutine_drain *d, uint64_t hash)
{
	int r;

	if (!hash)
		return 0;
	r = grow((void **)&d->hashes, &d->max_hashes, d->n_hashes, sizeof(*d->hashes));
	if (r == 0)
		d->hashes[d->n_hashes++] = hash;
	return r;
}

static int add_record_hashes(struct goroutine_drain *d, const struct drained_record *rec)
{
	int r = 0;

	switch (rec->key.kind) {
	case EV_GOROUTINE_READY:
		r = add_hash(d, rec->key.other);
		if (r < 0)
			return r;
		return add_hash(d, rec->key.stack);
	case EV_GOROUTINE_PARK:
		return add_hash(d, rec->key.stack);
	case EV_GOROUTINE_BIRTH:
		return add_hash(d, rec->value.addr);
	default:
		return 0;
	}
}

static int take_record(void *arg, const void *key, const void *value)
{
	struct goroutine_drain *d = arg;
	struct drained_record *rec;
	int r = grow((void **)&d->records, &d->max_records, d->n_records, sizeof(*d->records));

	if (r < 0)
		return r;
	rec = &d->records[d->n_records++];
	memcpy(&rec->key, key, sizeof(rec->key));
	memcpy(&rec->value, value, sizeof(rec->value));
	return add_record_hashes(d, rec);
}

int goroutine_take_event(void *arg, void *data, size_t len)
{
	struct goroutine_trace *g = arg;
	struct goroutine_drain *d = g->drain;
	const struct ev_goroutine *e = data;
	int r;

	if (len < sizeof(*e))
		return 0;
	r = grow((void **)&d->events, &d->max_events, d->n_events, sizeof(*d->events));
	if (r < 0)
		return r;
	d->events[d->n_events++] = *e;
	return e->kind == EV_GOROUTINE_DEATH ? 0 : add_hash(d, e->stack);
}

static bool waits_for_chan(const struct goroutine_trace *g, uint32_t reason)
{
	return (int64_t)reason == g->config.chan_reasons[0] ||
	       (int64_t)reason == g->config.chan_reasons[1];
}

/* gopark's lock is a channel's own, which lies in it. */
static uint64_t object_of(const struct goroutine_trace *g, uint32_t reason, uint64_t lock)
{
	return lock > g->config.chan_lock && waits_for_chan(g, reason)
		       ? lock - g->config.chan_lock : lock;
}

static void put_park(const struct goroutine_trace *g, struct traced_goroutine *t,
		     const struct drained_record *rec)
{
	t->parks[t->n_parks++] = (struct traced_park){
		.stack = rec->key.stack,
		.reason = rec->key.reason,
		.parks = rec->value.count,
		.blocked_on = object_of(g, rec->key.reason, rec->value.addr),
		.several = rec->value.addr_changes > 0,
		.goid = rec->value.goid,
	};
}

static void put_wake(struct traced_goroutine *t, const struct drained_record *rec)
{
	struct traced_wake *w = &t->wakes[t->n_wakes++];

	*w = (struct traced_wake){
		.park_stack = rec->key.stack,
		.reason = rec->key.reason,
		.waker_stack = rec->key.other,
		.waker_goid = rec->value.goid,
		.wakes = rec->value.count,
		.wait_ns = rec->value.wait_ns,
	};
	for (int i = 0; i < TRACED_LOG2; i++)
		w->waits[i] = rec->value.wait_log2[i];
}

static int by_go(const void *a, const void *b)
{
	const struct traced_go *x = a, *y = b;

	if (x->gopc != y->gopc)
		return x->gopc < y->gopc ? -1 : 1;
	return (x->startpc > y->startpc) - (x->startpc < y->startpc);
}

/* Births and deaths of one go statement are two records: joined where they stand side by side. */
static void join_gos(struct traced_goroutine *t)
{
	size_t n = 0;

	if (!t->n_gos)
		return;
	qsort(t->gos, t->n_gos, sizeof(*t->gos), by_go);
	for (size_t i = 1; i < t->n_gos; i++) {
		const struct traced_go *from = &t->gos[i];
		struct traced_go *to = &t->gos[n];

		if (by_go(from, to) != 0) {
			t->gos[++n] = *from;
			continue;
		}
		to->births += from->births;
		to->deaths += from->deaths;
		to->several |= from->several;
		if (from->births) {
			to->parent_stack = from->parent_stack;
			to->parent_goid = from->parent_goid;
		}
	}
	t->n_gos = n + 1;
}

static void put_go(struct traced_goroutine *t, const struct drained_record *rec)
{
	bool birth = rec->key.kind == EV_GOROUTINE_BIRTH;

	t->gos[t->n_gos++] = (struct traced_go){
		.gopc = rec->key.stack,
		.startpc = rec->key.other,
		.births = birth ? rec->value.count : 0,
		.deaths = birth ? 0 : rec->value.count,
		.parent_stack = birth ? rec->value.addr : 0,
		.several = birth && rec->value.addr_changes > 0,
		.parent_goid = birth ? rec->value.goid : 0,
	};
}

static int put_records(const struct goroutine_trace *g, const struct goroutine_drain *d,
		       struct arena *a, struct traced_goroutine *t)
{
	size_t n[TRACED_KINDS] = { 0 };

	for (size_t i = 0; i < d->n_records; i++)
		if (d->records[i].key.kind < TRACED_KINDS)
			n[d->records[i].key.kind]++;
	t->parks = arena_alloc(a, n[TRACED_PARK] + 1, sizeof(*t->parks));
	t->wakes = arena_alloc(a, n[TRACED_READY] + 1, sizeof(*t->wakes));
	t->gos = arena_alloc(a, n[TRACED_BIRTH] + n[TRACED_DEATH] + 1, sizeof(*t->gos));
	if (!t->parks || !t->wakes || !t->gos)
		return -ENOMEM;
	for (size_t i = 0; i < d->n_records; i++) {
		const struct drained_record *rec = &d->records[i];

		if (rec->key.kind == EV_GOROUTINE_PARK)
			put_park(g, t, rec);
		else if (rec->key.kind == EV_GOROUTINE_READY)
			put_wake(t, rec);
		else if (rec->key.kind < TRACED_KINDS)
			put_go(t, rec);
	}
	join_gos(t);
	return 0;
}

static struct traced_goroutine_event event_of(const struct goroutine_trace *g,
					      const struct ev_goroutine *e)
{
	struct traced_goroutine_event t = {
		.kind = e->kind < TRACED_KINDS ? (enum traced_goroutine_kind)e->kind : TRACED_PARK,
		.time_ns = e->time_ns,
		.goid = e->goid,
		.other_goid = e->other_goid,
		.stack = e->stack,
		.reason = e->reason,
	};

	switch (t.kind) {
	case TRACED_PARK:
		t.reason_known = true;
		t.blocked_on = object_of(g, e->reason, e->addr);
		break;
	case TRACED_READY:
		t.reason_known = e->reason != EV_GOROUTINE_NO_REASON;
		t.waited_ns = e->addr;
		break;
	case TRACED_DEATH:
		t.gopc = e->stack;
		t.stack = 0;
		t.startpc = e->addr;
		break;
	default:
		t.startpc = e->addr;
		break;
	}
	return t;
}

static int put_events(const struct goroutine_trace *g, const struct goroutine_drain *d,
		      struct arena *a, struct traced_goroutine *t)
{
	t->events = arena_alloc(a, d->n_events + 1, sizeof(*t->events));
	if (!t->events)
		return -ENOMEM;
	for (size_t i = 0; i < d->n_events; i++)
		t->events[t->n_events++] = event_of(g, &d->events[i]);
	return 0;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* The frames of each stack that is mentioned, once. */
static int put_stacks(const struct goroutine_trace *g, struct goroutine_drain *d, struct arena *a,
		      struct traced_goroutine *t)
{
	int fd = bpf_map__fd(g->bpf->maps.stacks);
	size_t n = 0;

	if (!d->n_hashes)
		return 0;
	qsort(d->hashes, d->n_hashes, sizeof(*d->hashes), by_value);
	for (size_t i = 0; i < d->n_hashes; i++)
		if (i == 0 || d->hashes[i] != d->hashes[n - 1])
			d->hashes[n++] = d->hashes[i];
	t->stacks = arena_alloc(a, n, sizeof(*t->stacks));
	if (!t->stacks)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		struct ev_stack s;
		uint64_t *frames;

		/* n is written last: without it the stack is on its way. */
		if (bpf_map_lookup_elem(fd, &d->hashes[i], &s) || s.n == 0 || s.n > EV_FRAMES)
			continue;
		frames = arena_alloc(a, s.n, sizeof(*frames));
		if (!frames)
			return -ENOMEM;
		memcpy(frames, s.frames, s.n * sizeof(*frames));
		t->stacks[t->n_stacks++] = (struct traced_stack){ d->hashes[i], frames, s.n,
								  s.flags & EV_STACK_WHOLE };
	}
	return 0;
}

static int put_counts(struct goroutine_trace *g, struct traced_goroutine *t)
{
	uint64_t now[EV_GOROUTINE_COUNTS], was[EV_GOROUTINE_COUNTS];
	uint64_t armed_ns = goroutine_trace_armed_ns(g);
	int fd = bpf_map__fd(g->bpf->maps.counts);

	for (uint32_t i = 0; i < EV_GOROUTINE_COUNTS; i++) {
		int r = trace_sum_percpu(fd, i, &now[i]);

		if (r < 0)
			return r;
		was[i] = g->counts[i];
		g->counts[i] = now[i];
	}
	for (int k = 0; k < TRACED_KINDS; k++)
		t->hits[k] = now[k] - was[k];
	t->unmatched = now[EV_GOROUTINE_UNMATCHED] - was[EV_GOROUTINE_UNMATCHED];
	t->outside = now[EV_GOROUTINE_OUTSIDE] - was[EV_GOROUTINE_OUTSIDE];
	t->sampled = now[EV_GOROUTINE_SAMPLED] - was[EV_GOROUTINE_SAMPLED];
	t->lost_events = now[EV_GOROUTINE_LOST_EVENTS] - was[EV_GOROUTINE_LOST_EVENTS];
	t->lost_records = now[EV_GOROUTINE_LOST_RECORDS] - was[EV_GOROUTINE_LOST_RECORDS];
	t->lost_stacks = now[EV_GOROUTINE_LOST_STACKS] - was[EV_GOROUTINE_LOST_STACKS];
	t->armed_ns = armed_ns - g->seen_ns;
	g->seen_ns = armed_ns;
	return 0;
}

static int put_bursts(struct goroutine_trace *g, struct arena *a, struct traced_goroutine *t)
{
	int r = 0;

	pthread_mutex_lock(&g->lock);
	t->n_bursts = g->n_bursts < GOROUTINE_BURSTS ? g->n_bursts : GOROUTINE_BURSTS;
	t->bursts = arena_alloc(a, t->n_bursts + 1, sizeof(*t->bursts));
	if (t->bursts)
		memcpy(t->bursts, g->bursts, t->n_bursts * sizeof(*t->bursts));
	else
		r = -ENOMEM;
	g->n_bursts = 0;
	pthread_mutex_unlock(&g->lock);
	return r;
}

/* Stacks are kept from call to call; when one found no room, all make room for new ones. */
static void forget_stacks(struct goroutine_trace *g)
{
	int fd = bpf_map__fd(g->bpf->maps.stacks);
	uint64_t key;

	while (bpf_map_get_next_key(fd, NULL, &key) == 0)
		if (bpf_map_delete_elem(fd, &key) < 0)
			break;
}

int goroutine_trace_collect(struct goroutine_trace *g, struct arena *a,
			    struct traced_goroutine *ret)
{
	CLEANUP(drain_done) struct goroutine_drain d = { 0 };
	struct traced_goroutine t = { 0 };
	int full, r;

	r = put_counts(g, &t);
	if (r < 0)
		return r;
	r = trace_pair_swap(&g->records, &full);
	if (r < 0)
		return r;
	r = trace_map_drain(full, sizeof(struct ev_goroutine_key),
			    sizeof(struct ev_goroutine_value), take_record, &d);
	if (r < 0)
		return r;
	g->drain = &d;
	r = ring_buffer__consume(g->ring);
	g->drain = NULL;
	if (r < 0)
		return r;
	r = put_records(g, &d, a, &t);
	if (r == 0)
		r = put_events(g, &d, a, &t);
	if (r == 0)
		r = put_stacks(g, &d, a, &t);
	if (r == 0)
		r = put_bursts(g, a, &t);
	if (r < 0)
		return r;
	if (t.lost_stacks)
		forget_stacks(g);
	*ret = t;
	return 0;
}
