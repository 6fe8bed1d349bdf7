// SPDX-License-Identifier: Apache-2.0
#include "goruntime/park.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/span.h"
#include "goruntime/wait_kinds.h"
#include "model/limits.h"

/* Bytes of stack that are searched at most: gopark, its caller and the package that called that. */
#define SEARCH_BYTES 1024
#define MIN_POINTER 4096
/* selectgo allows at most 1<<16 cases (runtime/select.go). */
#define MAX_CASES (1u << 16)
/* sync.Cond: noCopy, L Locker (an interface), notify notifyList. */
#define COND_NOTIFY 16

/* The finalizer of splitmix64: each bit of the input moves half of the output's. */
static uint64_t mix(uint64_t h, uint64_t word)
{
	h = (h ^ word) + 0x9e3779b97f4a7c15;
	h = (h ^ h >> 30) * 0xbf58476d1ce4e5b9;
	h = (h ^ h >> 27) * 0x94d049bb133111eb;
	return h ^ h >> 31;
}

uint64_t go_park_id(const struct go_g *g)
{
	uint64_t h = mix(0, g->goid);

	h = mix(h, g->tracking_seq);
	h = mix(h, g->pc);
	h = mix(h, g->stack_hi - g->sp);
	h = mix(h, g->waiting);
	return h ? h : 1;
}

uint64_t go_stack_hash(const struct go_walk *w)
{
	uint64_t h = mix(w->g->gopc, w->g->waitreason);

	for (size_t i = 0; i < w->n_frames; i++)
		h = mix(h, w->frames[i].pc << 1 | w->frames[i].exact);
	return h;
}

/*
 * runtime2.go, waitReasonStrings of Go 1.18 to 1.27, word for word: what goes on behind one of them
 * ("(synctest)" in Go 1.24, "(durable)" since 1.25) is another wait.
 */
static const struct {
	const char *reason;
	enum go_park_kind kind;
} reasons[] = {
	{ "chan receive (nil chan)", GO_PARK_FOREVER },
	{ "chan send (nil chan)", GO_PARK_FOREVER },
	{ "select (no cases)", GO_PARK_FOREVER },
	{ "chan receive", GO_PARK_CHAN },
	{ "chan send", GO_PARK_CHAN },
	{ "select", GO_PARK_SELECT },
	{ "semacquire", GO_PARK_SEMA },
	{ "sync.Mutex.Lock", GO_PARK_SEMA },
	{ "sync.RWMutex.RLock", GO_PARK_SEMA },
	{ "sync.RWMutex.Lock", GO_PARK_SEMA },
	{ "sync.WaitGroup.Wait", GO_PARK_SEMA },
	{ "sync.Cond.Wait", GO_PARK_COND },
};

enum go_park_kind go_park_kind(const char *reason)
{
	for (size_t i = 0; reason && i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (strcmp(reason, reasons[i].reason) == 0)
			return reasons[i].kind;
	return GO_PARK_OTHER;
}

/* Parked by gopark itself, at a call: what stands on the stack is what the maps say. */
bool go_park_is_still(const char *reason)
{
	static const char *const others[] = {
		"IO wait",	     "sleep",		  "coroutine",	     "finalizer wait",
		"cleanup wait",	     "GC worker (idle)",  "force gc (idle)", "GC sweep wait",
		"GC scavenge wait",  "GOMAXPROCS updater (idle)",
	};

	if (go_park_kind(reason) != GO_PARK_OTHER)
		return true;
	for (size_t i = 0; reason && i < sizeof(others) / sizeof(others[0]); i++)
		if (strcmp(reason, others[i]) == 0)
			return true;
	return false;
}

/* --- What it waits on --- */

void go_park_waits_done(struct go_park_waits *w)
{
	free(w->objects);
	free(w->sudogs);
	addrmap_free(w->listed);
	*w = (struct go_park_waits){ 0 };
}

struct query {
	struct go_runtime *rt;
	const struct go_walk *walk;
	struct go_park_waits *ret;
};

static int add(struct go_park_waits *w, uint64_t object, uint64_t sudog)
{
	if (w->n == w->room) {
		size_t room = w->room ? w->room * 2 : 8;
		uint64_t *objects = realloc(w->objects, room * sizeof(*objects)), *sudogs;

		if (!objects)
			return -ENOMEM;
		w->objects = objects;
		sudogs = realloc(w->sudogs, room * sizeof(*sudogs));
		if (!sudogs)
			return -ENOMEM;
		w->sudogs = sudogs;
		w->room = room;
	}
	w->objects[w->n] = object;
	w->sudogs[w->n++] = sudog;
	return 0;
}

/*
 * Is the sudog still in a queue of its channel? Who wakes a goroutine takes it off first, and from then
 * on needs the channel no more (runtime/chan.go, dequeue and closechan). And does no timer (Go 1.23)
 * send to this channel when its time comes?
 */
static bool only_others_wake(struct go_runtime *rt, uint64_t at, const struct sudog *sg)
{
	const struct go_layout *l = &rt->layout;
	uint8_t bytes[WAIT_RECORD_BYTES] = { 0 };
	struct span s = span_of(bytes, sizeof(bytes));

	if (l->hchan_size > WAIT_RECORD_BYTES || sg->c < MIN_POINTER ||
	    !chase(rt, sg->c, bytes, (size_t)l->hchan_size))
		return false;
	if (rt->minor >= 23 &&
	    (l->hchan_timer < 0 || span_u64(&s, (uint64_t)l->hchan_timer)))
		return false;
	return (sg->prev || span_u64(&s, (uint64_t)l->hchan_recvq_first) == at ||
		span_u64(&s, (uint64_t)l->hchan_sendq_first) == at) &&
	       !span_u32(&s, (uint64_t)l->hchan_closed) && !s.overrun;
}

/* The channels on g.waiting: one, or those of a select in lock order. */
static int find_chans(const struct query *q, bool many)
{
	uint64_t at = q->walk->g->waiting;
	int r = 0;

	for (uint32_t n = 0; at && r == 0; n++) {
		struct sudog sg;

		if (n > (many ? MAX_CASES : 0) || !sudog_read(q->rt, at, &sg) ||
		    sg.g != q->walk->g->addr || !only_others_wake(q->rt, at, &sg))
			return -EAGAIN;
		r = add(q->ret, sg.c, at);
		at = sg.waitlink;
	}
	if (r < 0)
		return r;
	/* A select whose channels are all nil parks like any other. */
	return q->ret->n || many ? 0 : -EAGAIN;
}

/*
 * The first word on the stack that is_it accepts, where *hint says or near its end. Records lie in
 * the heap or in the data, never on a stack.
 */
static uint64_t search(const struct query *q, int32_t *hint,
		       bool (*is_it)(const struct query *q, uint64_t word, void *arg), void *arg)
{
	const struct go_g *g = q->walk->g;
	struct span stack = q->walk->stack;
	size_t end = stack.len < SEARCH_BYTES ? stack.len : SEARCH_BYTES;
	uint64_t last = 0;

	if (*hint >= 0 && (size_t)*hint + 8 <= stack.len) {
		uint64_t word = span_u64(&stack, (size_t)*hint);

		if (word >= MIN_POINTER && word % 4 == 0 && is_it(q, word, arg))
			return word;
	}
	for (size_t off = 0; off + 8 <= end; off += 8) {
		uint64_t word = span_u64(&stack, off);

		if (word == last || word < MIN_POINTER || word % 4 || word >> 47 ||
		    (word >= g->stack_lo && word < g->stack_hi))
			continue;
		last = word;
		if (is_it(q, word, arg)) {
			*hint = (int32_t)off;
			return word;
		}
	}
	return 0;
}

/* A semaphore's sudog: it names the goroutine, and the semaphore as its element. */
static bool is_sema_sudog(const struct query *q, uint64_t word, void *arg)
{
	struct sudog *sg = arg;

	return sudog_read(q->rt, word, sg) && sg->g == q->walk->g->addr && !sg->c &&
	       sg->elem >= MIN_POINTER && sg->elem % 4 == 0 &&
	       (sg->elem < q->walk->g->stack_lo || sg->elem >= q->walk->g->stack_hi);
}

/*
 * Go 1.26: g.waiting names the sudog here too, and its element is the semaphore or, for sync.Cond,
 * the notifyList (runtime/sema.go). Before, semacquire1 has the sudog on the stack.
 */
static int find_sema(const struct query *q, struct go_park_hint *hint)
{
	uint64_t at = q->walk->g->waiting;
	struct sudog sg;

	if (q->rt->minor >= 26) {
		if (!at || !is_sema_sudog(q, at, &sg))
			return -EAGAIN;
	} else {
		at = search(q, &hint->sudog, is_sema_sudog, &sg);
		if (!at)
			return -EAGAIN;
	}
	return add(q->ret, sg.elem, at);
}

/* --- sync.Cond before Go 1.26 --- */

struct cond_search {
	struct sudog sg;
	uint64_t sudog;
	uint64_t list;		/* found */
};

static bool is_cond_sudog(const struct query *q, uint64_t word, void *arg)
{
	struct cond_search *c = arg;

	return sudog_read(q->rt, word, &c->sg) && c->sg.g == q->walk->g->addr && !c->sg.c &&
	       !c->sg.elem;
}

/* Remembers who stands in a list, so that a million do not each look at a million. */
static void walk_list(const struct query *q, uint64_t list, uint64_t at)
{
	struct go_park_waits *w = q->ret;

	while (at && w->steps < LIMIT_QUEUE) {
		w->steps++;
		if (addrmap_put(w->listed, mix(list, at), 0) < 0 ||
		    !chase(q->rt, at + (uint64_t)q->rt->layout.sudog_next, &at, 8))
			return;
	}
}

/* A sudog that came later than our walk is not in it: then its goroutine counts as alive. */
static bool is_listed(const struct query *q, uint64_t list, uint64_t head, uint64_t sudog)
{
	struct go_park_waits *w = q->ret;
	uint32_t ignored;

	if (!w->listed)
		w->listed = addrmap_new();
	if (!w->listed)
		return false;
	if (addrmap_get(w->listed, mix(list, 0), &ignored) < 0) {
		if (addrmap_put(w->listed, mix(list, 0), 0) < 0)
			return false;
		walk_list(q, list, head);
	}
	return addrmap_get(w->listed, mix(list, sudog), &ignored) == 0;
}

/*
 * A notifyList whose tickets that are not notified yet include ours, and that has our sudog in
 * its list.
 */
static bool is_list(const struct query *q, uint64_t word, struct cond_search *c)
{
	const struct go_layout *l = &q->rt->layout;
	uint32_t wait, notify;
	uint64_t head;

	if (!chase(q->rt, word + (uint64_t)l->notify_wait, &wait, 4) ||
	    !chase(q->rt, word + (uint64_t)l->notify_notify, &notify, 4) ||
	    !chase(q->rt, word + (uint64_t)l->notify_head, &head, 8))
		return false;
	if (c->sg.ticket - notify >= wait - notify || head < MIN_POINTER)
		return false;
	c->list = word;
	return is_listed(q, word, head, c->sudog);
}

/* The list itself, or the sync.Cond that it lies in: either may be what is on the stack. */
static bool is_cond(const struct query *q, uint64_t word, void *arg)
{
	return is_list(q, word, arg) || is_list(q, word + COND_NOTIFY, arg);
}

/* Go 1.26: who signals takes its ticket, and wakes it only then. */
static bool is_waiting(struct go_runtime *rt, uint64_t list, uint64_t sudog)
{
	uint32_t wait, notify;
	struct sudog sg;

	return sudog_read(rt, sudog, &sg) &&
	       chase(rt, list + (uint64_t)rt->layout.notify_wait, &wait, 4) &&
	       chase(rt, list + (uint64_t)rt->layout.notify_notify, &notify, 4) &&
	       sg.ticket - notify < wait - notify;
}

static int find_cond(const struct query *q, struct go_park_hint *hint)
{
	struct cond_search c = { 0 };

	if (q->rt->minor >= 26) {
		int r = find_sema(q, hint);

		return r < 0 || is_waiting(q->rt, q->ret->objects[0], q->ret->sudogs[0]) ? r
											  : -EAGAIN;
	}
	c.sudog = search(q, &hint->sudog, is_cond_sudog, &c);
	if (!c.sudog || !search(q, &hint->list, is_cond, &c))
		return -EAGAIN;
	return add(q->ret, c.list, c.sudog);
}

int go_park_find_waits(struct go_runtime *rt, const struct go_walk *w, enum go_park_kind kind,
		       struct go_park_hint *hint, struct go_park_waits *ret)
{
	const struct query q = { rt, w, ret };

	ret->n = 0;
	switch (kind) {
	case GO_PARK_FOREVER:
		return 0;
	case GO_PARK_CHAN:
	case GO_PARK_SELECT:
		return find_chans(&q, kind == GO_PARK_SELECT);
	case GO_PARK_SEMA:
		return find_sema(&q, hint);
	case GO_PARK_COND:
		return find_cond(&q, hint);
	default:
		return -EAGAIN;
	}
}
