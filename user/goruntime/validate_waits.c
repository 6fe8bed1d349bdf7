// SPDX-License-Identifier: Apache-2.0
/* The part of layout_validate() that follows pointers out of the goroutines. */
#include <string.h>

#include "goruntime/validation.h"
#include "model/goroutine.h"

/* Goroutines of each kind that are followed in one pass, and sudogs of one queue. */
#define FOLLOW_MAX  64
#define QUEUE_MAX   256
#define POINTER_MIN 4096u
/* A channel that holds more elements than this is none. */
#define CHAN_MAX (1ull << 36)
/* Linux: PID_MAX_LIMIT. */
#define TID_MAX (1u << 22)

static bool read_field(struct validation *v, uint64_t addr, int32_t offset, void *buf, size_t len)
{
	return addr >= POINTER_MIN && mem_read(v->chase, addr + (uint32_t)offset, buf, len) == 0;
}

struct chan {
	uint64_t qcount, dataqsiz, buf, elemtype, elemtype_size;
	uint16_t elemsize;
	uint32_t closed;
};

/* A core leaves out what the file holds, types among it: then the place must do. */
static bool read_elem_size(struct validation *v, struct chan *c)
{
	if (read_field(v, c->elemtype, 0, &c->elemtype_size, 8))
		return true;
	c->elemtype_size = c->elemsize;
	return c->elemtype >= v->md->types && c->elemtype < v->md->etypes;
}

/*
 * runtime/chan.go, type hchan: buf follows dataqsiz and is never nil (makechan), elemsize is the
 * half word before the one before closed, and a type begins with its size.
 */
static bool read_chan(struct validation *v, uint64_t addr, struct chan *c)
{
	const struct go_layout *l = v->l;

	return read_field(v, addr, l->hchan_qcount, &c->qcount, 8) &&
	       read_field(v, addr, l->hchan_dataqsiz, &c->dataqsiz, 8) &&
	       read_field(v, addr, l->hchan_dataqsiz + 8, &c->buf, 8) &&
	       read_field(v, addr, l->hchan_elemtype, &c->elemtype, 8) &&
	       read_field(v, addr, l->hchan_closed, &c->closed, 4) && l->hchan_closed >= 4 &&
	       read_field(v, addr, l->hchan_closed - 4, &c->elemsize, 2) && read_elem_size(v, c);
}

static bool is_chan(const struct chan *c)
{
	return c->qcount <= c->dataqsiz && c->dataqsiz <= CHAN_MAX && c->buf >= POINTER_MIN &&
	       c->closed <= 1 && c->elemsize == c->elemtype_size;
}

/*
 * Walks the queue {first, last} at `at`. Does it hold the sudog, and does it end at last? A queue
 * that is too long to say counts as good.
 */
static void walk_queue(struct validation *v, uint64_t at, uint64_t sudog, bool *holds, bool *ends,
		       bool *several)
{
	uint64_t waitq[2], s, next;

	*holds = *ends = *several = false;
	if (mem_read(v->chase, at, waitq, sizeof(waitq)) < 0)
		return;
	s = waitq[0];
	*several = waitq[0] != waitq[1];
	for (int i = 0; i < QUEUE_MAX; i++) {
		*holds |= s == sudog;
		if (!read_field(v, s, v->l->sudog_next, &next, 8))
			return;
		if (!next) {
			*ends = s == waitq[1];
			return;
		}
		/* The link back must be there as well. */
		if (!read_field(v, next, v->l->sudog_prev, &waitq[0], 8) || waitq[0] != s)
			return;
		s = next;
	}
	*holds = *ends = true;
}

static void check_queue(struct validation *v, const struct sampled *g, uint64_t chan, bool receives)
{
	const struct go_layout *l = v->l;
	int32_t first = receives ? l->hchan_recvq_first : l->hchan_sendq_first;
	bool holds, ends, several;

	walk_queue(v, chan + (uint32_t)first, g->waiting, &holds, &ends, &several);
	/* A queue of one tells nothing about the links. */
	if (several)
		validation_count(v, CHECK_LINKS, holds && ends);
	validation_count(v, receives ? CHECK_RECVQ : CHECK_SENDQ, holds && ends);
}

/*
 * Is somebody about to wake it? It is taken off the queue under the channel's lock, the last word
 * of an hchan, which is let go when g.param says what woke it; only then it is made runnable
 * (runtime/chan.go, send, recv, closechan). A thread that was interrupted there may stay there.
 */
static bool in_handoff(struct validation *v, const struct sampled *g, uint64_t chan)
{
	uint64_t lock;

	return g->param || !read_field(v, chan, v->l->hchan_size - 8, &lock, 8) || lock;
}

/* A goroutine that waits for one channel, or for several in a select. */
static void check_chan_wait(struct validation *v, struct sampled *g)
{
	const struct go_layout *l = v->l;
	const char *reason = validation_reason(v, g);
	bool receives = strcmp(reason, "chan receive") == 0;
	bool selects = strcmp(reason, "select") == 0;
	uint64_t owner, chan;
	uint8_t is_select;
	struct chan c;

	if (!validation_count(v, CHECK_SUDOG,
		   read_field(v, g->waiting, l->sudog_g, &owner, 8) && owner == g->addr))
		return;
	validation_count(v, selects ? CHECK_SELECT : CHECK_SUDOG,
	      read_field(v, g->waiting, l->sudog_is_select, &is_select, 1) && is_select == selects);
	if (!validation_count(v, CHECK_CHAN,
		   read_field(v, g->waiting, l->sudog_c, &chan, 8) && read_chan(v, chan, &c) &&
			   is_chan(&c)) ||
	    selects || in_handoff(v, g, chan))
		return;
	/* Nobody waits to receive while there is something, or to send while there is room. */
	if (c.dataqsiz && receives)
		validation_count(v, CHECK_EMPTY, c.qcount == 0);
	else if (c.dataqsiz)
		validation_count(v, CHECK_FULL, c.qcount == c.dataqsiz);
	check_queue(v, g, chan, receives);
}

/* time.Sleep keeps a timer for each goroutine; Go 1.23 says in g.sleepWhen what it was set to. */
static void check_sleep(struct validation *v, struct sampled *g)
{
	int64_t when;

	validation_count(v, CHECK_SLEEP,
	      read_field(v, g->timer, v->l->timer_when, &when, 8) && when > 0 &&
		      (v->l->g_sleep_when < 0 || (uint64_t)when == g->sleep_when));
}

static bool is_tid(const struct validation *v, uint64_t tid)
{
	size_t lo = 0, hi = v->n_tids;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if ((uint64_t)v->tids[mid] == tid)
			return true;
		if ((uint64_t)v->tids[mid] < tid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return false;
}

/* A goroutine in a thread's hands: g.m and m.curg, m.g0 and its m point at each other. */
static void check_thread(struct validation *v, struct sampled *g)
{
	const struct go_layout *l = v->l;
	uint64_t curg, g0, g0_m, procid = 0;

	if (!validation_count(v, CHECK_THREAD,
			      read_field(v, g->m, l->m_curg, &curg, 8) && curg == g->addr))
		return;
	validation_count(v, CHECK_G0,
	      read_field(v, g->m, l->m_g0, &g0, 8) && g0 != g->addr &&
		      read_field(v, g0, l->g_m, &g0_m, 8) && g0_m == g->m);
	validation_count(v, CHECK_TID,
	      read_field(v, g->m, l->m_procid, &procid, 8) && procid && procid <= TID_MAX);
	v->members += is_tid(v, procid);
}

void validation_follow(struct validation *v)
{
	unsigned int chans = 0, selects = 0, sleeps = 0, threads = 0;

	for (size_t i = 0; i < v->n; i++) {
		struct sampled *g = &v->g[i];
		const char *reason = validation_reason(v, g);

		if (g->status == GO_RUNNING || g->status == GO_SYSCALL) {
			if (threads++ < FOLLOW_MAX)
				validation_look(v, g, check_thread);
		} else if (strcmp(reason, "chan receive") == 0 ||
			   strcmp(reason, "chan send") == 0) {
			if (chans++ < FOLLOW_MAX)
				validation_look(v, g, check_chan_wait);
		} else if (strcmp(reason, "select") == 0) {
			if (selects++ < FOLLOW_MAX)
				validation_look(v, g, check_chan_wait);
		} else if (strcmp(reason, "sleep") == 0 && !g->runtimes_own) {
			/* The scavenger sleeps by a timer of its own. */
			if (sleeps++ < FOLLOW_MAX)
				validation_look(v, g, check_sleep);
		}
	}
}
