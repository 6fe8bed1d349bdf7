// SPDX-License-Identifier: Apache-2.0
/* Goroutines that wait on channels: g.waiting -> sudog -> hchan (runtime/chan.go, select.go). */
#include <string.h>

#include "base/span.h"
#include "goruntime/gotypes.h"
#include "goruntime/wait_kinds.h"
#include "model/limits.h"

bool sudog_read(struct go_runtime *rt, uint64_t addr, struct sudog *ret)
{
	const struct go_layout *l = &rt->layout;
	uint8_t bytes[WAIT_RECORD_BYTES] = { 0 };
	struct span s = span_of(bytes, sizeof(bytes));

	if (l->sudog_size > WAIT_RECORD_BYTES || !chase(rt, addr, bytes, (size_t)l->sudog_size))
		return false;
	ret->g = span_u64(&s, (uint64_t)l->sudog_g);
	ret->next = span_u64(&s, (uint64_t)l->sudog_next);
	ret->prev = span_u64(&s, (uint64_t)l->sudog_prev);
	ret->elem = span_u64(&s, (uint64_t)l->sudog_elem);
	ret->c = span_u64(&s, (uint64_t)l->sudog_c);
	ret->waitlink = span_u64(&s, (uint64_t)l->sudog_waitlink);
	ret->ticket = span_u32(&s, (uint64_t)l->sudog_ticket);
	return !s.overrun;
}

/* Queues this long are counted once a snapshot: a million waiters must not each count a million. */
#define LONG_QUEUE 64

struct queue {
	int64_t length;
	bool more;		/* the length is a lower bound */
};

/*
 * Follows a wait queue from its first sudog. The target runs, so a sudog that no longer names this
 * channel ends the walk with "more", as do the caps.
 */
static struct queue count_queue(struct waits *w, uint64_t c, uint64_t first)
{
	uint64_t before = memcache_misses(w->rt->chase);
	struct queue q = { 0 };

	for (uint64_t at = first; at; q.length++) {
		uint64_t cost = memcache_misses(w->rt->chase) - before;
		struct sudog sg;

		if (q.length >= (int64_t)LIMIT_QUEUE || w->queue_reads + cost > LIMIT_QUEUE_READS ||
		    !sudog_read(w->rt, at, &sg) || sg.c != c) {
			q.more = true;
			break;
		}
		at = sg.next;
	}
	w->queue_reads += memcache_misses(w->rt->chase) - before;
	return q;
}

/* The same, out of what is remembered for long queues. `key` tells a channel's two queues apart. */
static struct queue queue_length(struct waits *w, uint64_t c, uint64_t first, uint64_t key)
{
	struct queue q = { 0 };
	uint32_t known;

	if (!first)
		return q;
	if (addrmap_get(w->long_queues, key, &known) == 0)
		return (struct queue){ known >> 1, known & 1 };
	q = count_queue(w, c, first);
	/* Out of memory costs time, not truth. */
	if (q.length >= LONG_QUEUE)
		addrmap_put(w->long_queues, key, (uint32_t)q.length << 1 | q.more);
	return q;
}

/* Is this sudog in the queue? Asked only where both queues of a channel are in use. */
static bool is_queued(struct waits *w, uint64_t first, uint64_t own)
{
	uint64_t at = first;

	for (int i = 0; at && i < LONG_QUEUE; i++) {
		struct sudog sg;

		if (at == own)
			return true;
		if (!sudog_read(w->rt, at, &sg))
			return false;
		at = sg.next;
	}
	return false;
}

/*
 * At least one queue is empty, except where one goroutine's select both sends and receives on an
 * unbuffered channel (chan.go, invariants): so the queue that is in use tells the direction.
 */
static enum chan_dir direction(struct waits *w, uint64_t send, uint64_t recv, uint64_t own)
{
	if (send && recv)
		return is_queued(w, send, own)	 ? CHAN_SEND
		       : is_queued(w, recv, own) ? CHAN_RECV
						 : CHAN_DIR_UNKNOWN;
	return send ? CHAN_SEND : recv ? CHAN_RECV : CHAN_DIR_UNKNOWN;
}

/* The channel at c, with who waits in its queues; own is the sudog that brought us there. */
static bool read_chan(struct waits *w, uint64_t c, uint64_t own, struct wait_chan *ret)
{
	const struct go_layout *l = &w->rt->layout;
	uint8_t bytes[WAIT_RECORD_BYTES] = { 0 };
	struct span s = span_of(bytes, sizeof(bytes));
	struct queue senders, receivers;
	uint64_t recv, send;

	if (l->hchan_size > WAIT_RECORD_BYTES || !chase(w->rt, c, bytes, (size_t)l->hchan_size))
		return false;
	*ret = (struct wait_chan){
		.addr = c,
		.type = gotype_name(w->rt, span_u64(&s, (uint64_t)l->hchan_elemtype)),
		.cap = span_u64(&s, (uint64_t)l->hchan_dataqsiz),
		.len = span_u64(&s, (uint64_t)l->hchan_qcount),
		.closed = span_u32(&s, (uint64_t)l->hchan_closed) != 0,
	};
	recv = span_u64(&s, (uint64_t)l->hchan_recvq_first);
	send = span_u64(&s, (uint64_t)l->hchan_sendq_first);
	if (s.overrun || ret->len > ret->cap)
		return false;
	senders = queue_length(w, c, send, c + (uint64_t)l->hchan_sendq_first);
	receivers = queue_length(w, c, recv, c + (uint64_t)l->hchan_recvq_first);
	ret->senders = senders.length;
	ret->senders_more = senders.more;
	ret->receivers = receivers.length;
	ret->receivers_more = receivers.more;
	ret->dir = direction(w, send, recv, own);
	if (l->hchan_timer >= 0) {
		uint64_t timer = span_u64(&s, (uint64_t)l->hchan_timer);

		ret->has_timer = timer && timer_left(w->rt, timer, &ret->timer_left_ns);
	}
	return true;
}

bool wait_for_chan(const struct wait_query *q, struct wait_chan *ret)
{
	enum chan_dir dir = strncmp(q->reason, "chan send", 9) == 0 ? CHAN_SEND : CHAN_RECV;
	uint64_t own = q->walk->g->waiting;
	struct sudog sg;

	if (!own || !sudog_read(q->w->rt, own, &sg) || sg.g != q->walk->g->addr)
		return false;
	if (!read_chan(q->w, sg.c, own, ret))
		return false;
	/* A queue of the other direction alone means that we came too late. */
	if (ret->dir != CHAN_DIR_UNKNOWN && ret->dir != dir)
		return false;
	ret->dir = dir;
	return true;
}

bool wait_for_select(const struct wait_query *q, struct wait_object *ret)
{
	struct wait_chan cases[LIMIT_SELECT_CASES], *kept;
	struct waits *w = q->w;
	uint32_t n = 0, n_all = 0;

	/* selectgo allows at most 1<<16 cases; they hang on g.waiting in lock order. */
	for (uint64_t at = q->walk->g->waiting; at; n_all++) {
		struct sudog sg;

		if (n_all > 1 << 16 || !sudog_read(w->rt, at, &sg) || sg.g != q->walk->g->addr)
			return false;
		if (n < LIMIT_SELECT_CASES) {
			if (!read_chan(w, sg.c, at, &cases[n]))
				return false;
			n++;
		}
		at = sg.waitlink;
	}
	if (!n)
		return false;
	kept = arena_alloc(w->arena, n, sizeof(*kept));
	if (!kept)
		return false;
	memcpy(kept, cases, n * sizeof(*kept));
	ret->select.n = n;
	ret->select.n_all = n_all;
	ret->select.cases = kept;
	return true;
}
