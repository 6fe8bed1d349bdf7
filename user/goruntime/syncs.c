// SPDX-License-Identifier: Apache-2.0
/*
 * Goroutines that wait on package sync: runtime.semacquire1 keeps its sudog on the stack, and that
 * names the semaphore's address; the calling frames tell which object the semaphore is part of.
 */
#include <string.h>

#include "base/span.h"
#include "goruntime/wait_kinds.h"
#include "model/limits.h"

/*
 * sync.Mutex (internal/sync.Mutex since Go 1.24): state int32, sema uint32.
 * sync.RWMutex: w Mutex, writerSem, readerSem uint32, readerCount, readerWait int32.
 * sync.WaitGroup: state uint64 (state1 up to Go 1.19), sema uint32.
 * The same places in Go 1.18 to 1.27 on 64-bit machines.
 */
#define MUTEX_SEMA 4
#define MUTEX_LOCKED 1
#define MUTEX_WAITER_SHIFT 3
#define RW_WRITER_SEM 8
#define RW_READER_SEM 12
#define RW_READER_COUNT 16
#define RW_READER_WAIT 20
#define RW_SIZE 24
#define RW_MAX_READERS (1 << 30)
#define WAITGROUP_SEMA 8
/* Go 1.25: the top bit of the low half says that it belongs to a synctest bubble. */
#define WAITGROUP_WAITERS 0x7fffffffu
/* sync.Cond: noCopy, L Locker (an interface), notify notifyList. */
#define COND_NOTIFY 16

/* A semaphore's sudog: it names the goroutine, and the semaphore as its element. */
static bool is_sema_sudog(const struct wait_query *q, uint64_t word, void *arg)
{
	const struct go_layout *l = &q->w->rt->layout;
	uint64_t g, *sema = arg;

	if (!chase(q->w->rt, word + (uint64_t)l->sudog_g, &g, 8) || g != q->walk->g->addr)
		return false;
	return chase(q->w->rt, word + (uint64_t)l->sudog_elem, sema, 8) && *sema && *sema % 4 == 0;
}

static bool calls(const char *function, const char *name)
{
	return function && strcmp(function, name) == 0;
}

/* What the frames say about the semaphore: innermost sync function outside of package runtime. */
static enum wait_kind kind_by_frames(const struct stack *frames, bool *for_read, bool *inner)
{
	*for_read = *inner = false;
	for (uint32_t i = 0; i < frames->n; i++) {
		const char *f = frames->frames[i].function;
		const char *caller = i + 1 < frames->n ? frames->frames[i + 1].function : NULL;

		if (calls(f, "sync.(*RWMutex).RLock") || calls(f, "sync.(*RWMutex).Lock")) {
			*for_read = calls(f, "sync.(*RWMutex).RLock");
			return WAIT_RWMUTEX;
		}
		if (calls(f, "sync.(*WaitGroup).Wait"))
			return WAIT_WAITGROUP;
		if (calls(f, "sync.(*Mutex).Lock") || calls(f, "sync.(*Mutex).lockSlow") ||
		    calls(f, "internal/sync.(*Mutex).Lock") ||
		    calls(f, "internal/sync.(*Mutex).lockSlow")) {
			/* RWMutex.Lock takes its inner Mutex first: the object is the RWMutex. */
			if (!calls(caller, "sync.(*RWMutex).Lock")) {
				if (caller && strstr(caller, "(*Mutex).Lock"))
					continue;
				return WAIT_MUTEX;
			}
			*inner = true;
			return WAIT_RWMUTEX;
		}
	}
	return WAIT_SEMA;
}

static bool describe_mutex(struct go_runtime *rt, uint64_t addr, struct wait_sync *ret)
{
	int32_t state;

	if (!chase(rt, addr, &state, sizeof(state)))
		return false;
	ret->addr = addr;
	ret->state_known = true;
	ret->state = (uint32_t)state;
	ret->locked = state & MUTEX_LOCKED;
	ret->waiters = (uint32_t)state >> MUTEX_WAITER_SHIFT;
	return true;
}

static bool describe_rwmutex(struct go_runtime *rt, uint64_t addr, struct wait_sync *ret)
{
	uint8_t bytes[RW_SIZE] = { 0 };
	struct span s = span_of(bytes, sizeof(bytes));
	int32_t count, departing;

	if (!chase(rt, addr, bytes, sizeof(bytes)))
		return false;
	count = (int32_t)span_u32(&s, RW_READER_COUNT);
	departing = (int32_t)span_u32(&s, RW_READER_WAIT);
	ret->addr = addr;
	ret->state_known = true;
	ret->state = (uint32_t)count;
	/*
	 * A writer that holds the lock or waits for readers to leave has taken RW_MAX_READERS off the
	 * count: who is in it beyond the departing readers waits. Other writers wait on w.
	 */
	ret->locked = count < 0;
	ret->waiters = span_u32(&s, 0) >> MUTEX_WAITER_SHIFT;
	ret->counter = count;
	if (count < 0) {
		int64_t readers = (int64_t)count + RW_MAX_READERS;

		ret->waiters += readers - departing + (departing > 0);
		ret->counter = departing;
	}
	return true;
}

static bool describe_waitgroup(struct go_runtime *rt, uint64_t addr, struct wait_sync *ret)
{
	uint64_t state;

	if (!chase(rt, addr, &state, sizeof(state)))
		return false;
	ret->addr = addr;
	ret->state_known = true;
	ret->state = state;
	ret->counter = (int32_t)(state >> 32);
	ret->waiters = state & WAITGROUP_WAITERS;
	return true;
}

bool wait_for_sema(const struct wait_query *q, struct wait_object *ret)
{
	struct wait_sync *sync = &ret->sync;
	bool for_read, inner, ok;
	uint64_t sema = 0;

	ret->kind = kind_by_frames(q->frames, &for_read, &inner);
	*sync = (struct wait_sync){ .waiters = WAIT_UNKNOWN, .counter = WAIT_UNKNOWN };
	sync->for_read = for_read;
	if (!search_stack(q, &q->hint->record, is_sema_sudog, &sema))
		return false;
	switch (ret->kind) {
	case WAIT_MUTEX:
		ok = describe_mutex(q->w->rt, sema - MUTEX_SEMA, sync);
		break;
	case WAIT_RWMUTEX:
		ok = describe_rwmutex(q->w->rt,
				      sema - (inner    ? MUTEX_SEMA
					      : for_read ? RW_READER_SEM
							 : RW_WRITER_SEM),
				      sync);
		break;
	case WAIT_WAITGROUP:
		ok = describe_waitgroup(q->w->rt, sema - WAITGROUP_SEMA, sync);
		break;
	default:
		sync->addr = sema;
		ok = true;
		break;
	}
	return ok;
}

struct cond_search {
	uint64_t sudog;
	uint32_t ticket;	/* which the list gave it: runtime/sema.go, notifyListWait */
	uint32_t waiters;
};

static bool is_waiting_sudog(const struct wait_query *q, uint64_t word, void *arg)
{
	const struct go_layout *l = &q->w->rt->layout;
	struct cond_search *c = arg;
	uint64_t g;

	return chase(q->w->rt, word + (uint64_t)l->sudog_g, &g, 8) && g == q->walk->g->addr &&
	       chase(q->w->rt, word + (uint64_t)l->sudog_ticket, &c->ticket, 4);
}

/* Is the sudog in the list that starts at `at`? */
static bool is_listed(struct waits *w, uint64_t at, uint64_t sudog)
{
	while (at && w->cond_steps < LIMIT_QUEUE) {
		if (at == sudog)
			return true;
		w->cond_steps++;
		if (!chase(w->rt, at + (uint64_t)w->rt->layout.sudog_next, &at, 8))
			return false;
	}
	return false;
}

/*
 * A notifyList whose tickets that are not notified yet include ours, and that has our sudog in
 * its list. One waiter of each list is looked for: a million must not each look at a million.
 */
static bool is_notify_list(const struct wait_query *q, uint64_t word, void *arg)
{
	const struct go_layout *l = &q->w->rt->layout;
	struct cond_search *c = arg;
	uint32_t wait, notify, ignored;
	uint64_t head;

	if (!chase(q->w->rt, word + (uint64_t)l->notify_wait, &wait, 4) ||
	    !chase(q->w->rt, word + (uint64_t)l->notify_notify, &notify, 4) ||
	    !chase(q->w->rt, word + (uint64_t)l->notify_head, &head, 8))
		return false;
	if (c->ticket - notify >= wait - notify)
		return false;
	c->waiters = wait - notify;
	if (addrmap_get(q->w->cond_lists, word, &ignored) == 0)
		return true;
	if (!is_listed(q->w, head, c->sudog))
		return false;
	/* Out of memory costs time, not truth. */
	addrmap_put(q->w->cond_lists, word, 1);
	return true;
}

bool wait_for_cond(const struct wait_query *q, struct wait_sync *ret)
{
	struct cond_search c = { 0 };
	uint64_t list;

	*ret = (struct wait_sync){ .waiters = WAIT_UNKNOWN, .counter = WAIT_UNKNOWN };
	c.sudog = search_stack(q, &q->hint->record, is_waiting_sudog, &c);
	if (!c.sudog)
		return false;
	list = search_stack(q, &q->hint->list, is_notify_list, &c);
	if (!list)
		return false;
	ret->addr = list - COND_NOTIFY;
	ret->waiters = c.waiters;
	return true;
}
