// SPDX-License-Identifier: Apache-2.0
#include "goruntime/timers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/span.h"
#include "goruntime/batch.h"
#include "goruntime/constant.h"
#include "goruntime/gshape.h"
#include "goruntime/heap_state.h"
#include "goruntime/processors.h"
#include "model/limits.h"

#define TIMER_MAX 256
#define HCHAN_MAX 192
#define ROOM (256u << 10)
/* Functions of timers are five; what else a release has is TIMER_OTHER. */
#define FUNCTIONS_MAX 16
/* make(chan time.Time, 1): its buffer is an object of its own, for a Time has a pointer. */
#define TIME_BYTES 24
#define FORCE_GC_NS (2ull * 60 * 1000 * 1000 * 1000)
/* So many must be read before it can be said that they make no sense. */
#define SENSE_MIN 32

/* runtime/time.go up to Go 1.22: timer.status. */
enum { WAITING = 1, DELETED = 3, MODIFIED_EARLIER = 7, MODIFIED_LATER = 8 };
/* Go 1.23: bits of timer.state. */
enum { HEAPED = 1, ZOMBIE = 4 };

struct function {
	uint64_t at;
	enum timer_kind kind;
};

struct go_timers {
	struct go_runtime *rt;
	struct go_heap_layout layout;
	uint64_t allp;
	uint32_t each;		/* bytes that a pile takes for one timer */
	struct function functions[FUNCTIONS_MAX];
	uint32_t n_functions;
};

/* One that is looked at. */
struct pick {
	uint64_t p, timer, chan;
	int64_t when;
};

/* The timers of one processor. */
struct heap {
	uint64_t p;
	struct gslice s;
};

struct reading {
	struct go_timers *t;
	struct heap *heaps;
	uint32_t n_heaps;
	struct pick *picks;
	uint32_t n;
	struct want *wants, *scratch;
	struct mem_req *reqs;
	uint8_t *buf;
	uint64_t kind[TIMER_KINDS];
	uint64_t stopped, torn, waited, unwaited;
	int64_t first, last;
};

static void reading_done(struct reading *r)
{
	free(r->heaps);
	free(r->picks);
	free(r->wants);
	free(r->scratch);
	free(r->reqs);
	free(r->buf);
}

/* --- Opening --- */

/* Bytes of the object that the allocator makes for so many. */
static uint32_t object_bytes(uint32_t bytes)
{
	for (unsigned int class = 1; class < GO_SIZE_CLASSES; class++)
		if (heap_class_size(class) >= bytes)
			return heap_class_size(class);
	return bytes;
}

/* Of a processor's heap. Go 1.23: the time beside the timer. */
static uint32_t entry_bytes(const struct go_runtime *rt)
{
	return rt->minor < 23 ? 8 : 16;
}

/*
 * time.Timer has the channel before the runtime's part. Go 1.23: timeTimer, which has a bool there
 * as well.
 */
static uint32_t bytes_each(const struct go_timers *t)
{
	uint32_t head = t->rt->minor < 23 ? 8 : 16;

	return object_bytes((uint32_t)t->layout.timer_size + head) + entry_bytes(t->rt) +
	       object_bytes((uint32_t)t->rt->layout.hchan_size) + object_bytes(TIME_BYTES);
}

int go_timers_open_at(struct go_runtime *rt, const struct go_heap_layout *l, uint64_t allp,
		      struct go_timers **ret, struct diag *d)
{
	struct go_timers *t;

	if (l->timer_size > TIMER_MAX || rt->layout.hchan_size > HCHAN_MAX)
		return diag_fail(d, -EOPNOTSUPP, "the timers of this release are not known");
	t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	t->rt = rt;
	t->layout = *l;
	t->allp = allp;
	t->each = bytes_each(t);
	*ret = t;
	return 0;
}

void go_timers_close(struct go_timers *t)
{
	free(t);
}

/* --- Which ones --- */

static int read_heaps(struct go_timers *t, struct heap **ret, uint32_t *n, uint64_t *total)
{
	uint64_t *p = calloc(LIMIT_GO_PROCESSORS, sizeof(*p));
	int r = p ? processors_list(t->rt->live, t->allp, p, LIMIT_GO_PROCESSORS) : -ENOMEM;
	struct heap *all = r > 0 ? calloc((size_t)r, sizeof(*all)) : NULL;

	if (r > 0 && !all)
		r = -ENOMEM;
	*n = 0;
	*total = 0;
	for (int i = 0; i < r; i++) {
		struct heap *h = &all[*n];
		int e = mem_read(t->rt->live, p[i] + (uint32_t)t->layout.p_timers, &h->s,
				 sizeof(h->s));

		if (e < 0 && e != -EFAULT) {
			r = e;
			break;
		}
		if (e < 0 || h->s.len > h->s.cap || h->s.array % 8 || !h->s.array ||
		    h->s.len > LIMIT_GO_TIMERS - *total)
			continue;
		h->p = p[i];
		*total += h->s.len;
		(*n)++;
	}
	free(p);
	if (r < 0) {
		free(all);
		return r;
	}
	*ret = all;
	return 0;
}

int go_timers_count(struct go_timers *t, uint64_t *ret)
{
	struct heap *heaps;
	uint32_t n;
	int r = read_heaps(t, &heaps, &n, ret);

	if (r == 0)
		free(heaps);
	return r;
}

/* Where in its step the k-th of a sample lies: no pattern, for a heap has one. */
static uint64_t scatter(uint64_t k)
{
	k = (k + 1) * 0x9e3779b97f4a7c15ull;
	k = (k ^ k >> 30) * 0xbf58476d1ce4e5b9ull;
	return k ^ k >> 31;
}

static void choose(struct reading *r, uint64_t total, uint64_t step)
{
	uint64_t size = entry_bytes(r->t->rt), before = 0;
	uint32_t h = 0;

	for (uint64_t k = 0; k * step < total; k++) {
		uint64_t at = k * step + (step > 1 ? scatter(k) % step : 0);

		while (h < r->n_heaps && at >= before + r->heaps[h].s.len)
			before += r->heaps[h++].s.len;
		if (h == r->n_heaps)
			break;
		r->picks[r->n].p = r->heaps[h].p;
		r->wants[r->n] = (struct want){ .addr = r->heaps[h].s.array + (at - before) * size,
						.len = 8, .index = r->n };
		r->n++;
	}
}

/* --- Reading in batches --- */

/* Hands each of n wants to `take`, with NULL when it could not be read. */
static int read_wants(struct reading *r, uint32_t n,
		      void (*take)(struct reading *r, struct pick *p, const uint8_t *bytes))
{
	batch_sort(r->wants, n, r->scratch);
	for (size_t at = 0, taken; at < n; at += taken) {
		int e = batch_read(r->t->rt->live, r->wants + at, n - at, r->buf, ROOM, r->reqs,
				   &taken);

		if (e < 0)
			return e;
		for (size_t i = at; i < at + taken; i++)
			take(r, &r->picks[r->wants[i].index], r->wants[i].at);
	}
	return 0;
}

static bool may_be_object(uint64_t addr)
{
	return addr >= 4096 && addr % 8 == 0 && addr < GO_ADDRESS_END;
}

static void take_entry(struct reading *r, struct pick *p, const uint8_t *bytes)
{
	uint64_t timer = 0;

	if (bytes)
		memcpy(&timer, bytes, sizeof(timer));
	if (may_be_object(timer))
		p->timer = timer;
	else
		r->torn++;
}

static enum timer_kind kind_of_name(const char *name)
{
	static const struct {
		const char *name;
		enum timer_kind kind;
	} all[] = {
		{ "time.sendTime", TIMER_CHANNEL },
		{ "time.goFunc", TIMER_FUNC },
		{ "runtime.goroutineReady", TIMER_SLEEP },
		{ "runtime.netpollDeadline", TIMER_DEADLINE },
		{ "runtime.netpollReadDeadline", TIMER_DEADLINE },
		{ "runtime.netpollWriteDeadline", TIMER_DEADLINE },
	};

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		if (strcmp(name, all[i].name) == 0)
			return all[i].kind;
	return TIMER_OTHER;
}

/* By the function that it calls: f points to a word with its address. */
static enum timer_kind kind_of(struct go_timers *t, uint64_t f)
{
	enum timer_kind kind = TIMER_OTHER;
	struct func func;
	uint64_t pc;

	for (uint32_t i = 0; i < t->n_functions; i++)
		if (t->functions[i].at == f)
			return t->functions[i].kind;
	if (!may_be_object(f) || constant_read(t->rt, f, &pc, sizeof(pc)) < 0)
		return TIMER_OTHER;
	pthread_mutex_lock(&t->rt->tab_lock);
	if (pclntab_find(t->rt->tab, pc, &func) == 0 && func.entry == pc && func.name)
		kind = kind_of_name(func.name);
	pthread_mutex_unlock(&t->rt->tab_lock);
	if (t->n_functions < FUNCTIONS_MAX)
		t->functions[t->n_functions++] = (struct function){ f, kind };
	return kind;
}

enum state { PENDING, STOPPED, TORN };

static enum state state_of(struct go_timers *t, struct span *s, int64_t *when)
{
	const struct go_heap_layout *l = &t->layout;

	*when = (int64_t)span_u64(s, (uint32_t)t->rt->layout.timer_when);
	if (t->rt->minor >= 23) {
		uint8_t bits = span_u8(s, (uint32_t)l->timer_state);

		return !(bits & HEAPED) ? TORN : bits & ZOMBIE ? STOPPED : PENDING;
	}
	switch (span_u32(s, (uint32_t)l->timer_state)) {
	case MODIFIED_EARLIER:
	case MODIFIED_LATER:
		*when = (int64_t)span_u64(s, (uint32_t)l->timer_nextwhen);
		return PENDING;
	case WAITING:
		return PENDING;
	case DELETED:
		return STOPPED;
	default:
		return TORN;
	}
}

static void take_timer(struct reading *r, struct pick *p, const uint8_t *bytes)
{
	struct go_timers *t = r->t;
	const struct go_heap_layout *l = &t->layout;
	struct span s = span_of(bytes, bytes ? (size_t)l->timer_size : 0);
	enum timer_kind kind;
	enum state state;
	uint64_t owner;

	state = state_of(t, &s, &p->when);
	/* The processor itself, or since Go 1.23 the struct in it that has the heap. */
	owner = span_u64(&s, (uint32_t)l->timer_owner);
	if (s.overrun || owner < p->p || owner > p->p + (uint32_t)l->p_timers || state == TORN ||
	    p->when < 0) {
		r->torn++;
		return;
	}
	if (state == STOPPED) {
		r->stopped++;
		return;
	}
	kind = kind_of(t, span_u64(&s, (uint32_t)l->timer_f));
	if (kind == TIMER_CHANNEL && span_u64(&s, (uint32_t)t->rt->layout.timer_period))
		kind = TIMER_TICKER;
	r->kind[kind]++;
	/* The second word of an interface is the channel itself. */
	if (kind == TIMER_CHANNEL)
		p->chan = span_u64(&s, (uint32_t)l->timer_arg + 8);
}

static void take_chan(struct reading *r, struct pick *p, const uint8_t *bytes)
{
	const struct go_layout *l = &r->t->rt->layout;
	struct span s = span_of(bytes, bytes ? (size_t)l->hchan_size : 0);

	if (span_u64(&s, (uint32_t)l->hchan_dataqsiz) != 1 || s.overrun)
		return;
	if (span_u64(&s, (uint32_t)l->hchan_recvq_first)) {
		r->waited++;
		return;
	}
	/* Go 1.23: one that the collector frees when nobody looks at it any more. */
	if (l->hchan_timer >= 0 && span_u64(&s, (uint32_t)l->hchan_timer))
		return;
	if (span_u64(&s, (uint32_t)l->hchan_qcount))
		return;
	if (!r->unwaited || p->when < r->first)
		r->first = p->when;
	if (!r->unwaited || p->when > r->last)
		r->last = p->when;
	r->unwaited++;
}

static int read_timers(struct reading *r)
{
	uint32_t n = 0;
	int e = read_wants(r, r->n, take_entry);

	for (uint32_t i = 0; i < r->n; i++)
		if (r->picks[i].timer)
			r->wants[n++] = (struct want){ .addr = r->picks[i].timer, .index = i,
						       .len = (uint32_t)r->t->layout.timer_size };
	if (e == 0)
		e = read_wants(r, n, take_timer);
	n = 0;
	for (uint32_t i = 0; i < r->n; i++)
		if (may_be_object(r->picks[i].chan))
			r->wants[n++] = (struct want){ .addr = r->picks[i].chan, .index = i,
						       .len = (uint32_t)r->t->rt->layout.hchan_size };
	return e < 0 ? e : read_wants(r, n, take_chan);
}

/* --- The sum --- */

static uint64_t share(const struct timer_look *l, bool whole, uint64_t n)
{
	return whole || !l->read ? n : (uint64_t)((double)n * (double)l->total / (double)l->read);
}

/*
 * A core has no now. But a collection comes every two minutes at the latest (runtime/proc.go,
 * forcegcperiod), unless there is none at all.
 */
static int64_t least_stay(const struct reading *r)
{
	struct go_runtime *rt = r->t->rt;
	int64_t span = r->last - r->first, stay;
	uint64_t last_gc = 0;

	if (!rt->globals.last_gc || mem_read_u64(rt->live, rt->globals.last_gc, &last_gc) < 0 ||
	    !last_gc || last_gc > INT64_MAX - FORCE_GC_NS)
		return span;
	stay = r->last - (int64_t)(last_gc + FORCE_GC_NS);
	return stay > span ? stay : span;
}

static void sum_times(const struct reading *r, struct timer_look *l)
{
	int64_t now = r->t->rt->now_ns;

	if (!r->unwaited)
		return;
	l->span_ns = r->last - r->first;
	if (now > 0) {
		l->first_ns = r->first - now;
		l->stay_ns = l->last_ns = r->last - now;
	} else {
		l->stay_ns = least_stay(r);
	}
}

static int sum_up(const struct reading *r, bool whole, struct timer_look *l, struct diag *d)
{
	l->torn = r->torn;
	l->read = r->n - (r->torn < r->n ? r->torn : r->n);
	if (r->n >= SENSE_MIN && l->read < r->n / 2)
		return diag_fail(d, -EOPNOTSUPP, "most of its timers made no sense");
	l->stopped = share(l, whole, r->stopped);
	for (int k = 0; k < TIMER_KINDS; k++)
		l->kind[k] = share(l, whole, r->kind[k]);
	l->waited = share(l, whole, r->waited);
	l->unwaited = share(l, whole, r->unwaited);
	l->unwaited_bytes = l->unwaited * r->t->each;
	sum_times(r, l);
	return 0;
}

int go_timers_read(struct go_timers *t, struct timer_look *ret, struct diag *d)
{
	CLEANUP(reading_done) struct reading r = { .t = t };
	struct timer_look l = { .first_ns = TIME_UNKNOWN, .last_ns = TIME_UNKNOWN,
				.span_ns = TIME_UNKNOWN, .stay_ns = TIME_UNKNOWN };
	uint64_t step;
	size_t room;
	int e = read_heaps(t, &r.heaps, &r.n_heaps, &l.total);

	if (e < 0)
		return diag_fail(d, e, "its timers cannot be read");
	if (!l.total) {
		*ret = l;
		return 0;
	}
	step = l.total <= LIMIT_TIMERS_WHOLE ? 1 : l.total / LIMIT_TIMERS_SAMPLE;
	room = (size_t)((l.total + step - 1) / step);
	r.picks = calloc(room, sizeof(*r.picks));
	r.wants = calloc(room, sizeof(*r.wants));
	r.scratch = calloc(room, sizeof(*r.scratch));
	r.reqs = calloc(room, sizeof(*r.reqs));
	r.buf = malloc(ROOM);
	if (!r.picks || !r.wants || !r.scratch || !r.reqs || !r.buf)
		return -ENOMEM;
	choose(&r, l.total, step);
	e = read_timers(&r);
	if (e < 0)
		return diag_fail(d, e, "its timers cannot be read");
	e = sum_up(&r, step == 1, &l, d);
	if (e == 0)
		*ret = l;
	return e;
}
