// SPDX-License-Identifier: Apache-2.0
#include "goruntime/waits.h"

#include <errno.h>
#include <string.h>

#include "goruntime/wait_kinds.h"

/* Bytes of stack that are searched at most: gopark, its caller and the package that called that. */
#define SEARCH_BYTES 1024
#define MIN_POINTER 4096

int waits_init(struct waits *w, struct go_runtime *rt, struct arena *a)
{
	*w = (struct waits){
		.rt = rt,
		.arena = a,
		.long_queues = addrmap_new(),
		.cond_lists = addrmap_new(),
	};
	if (w->long_queues && w->cond_lists)
		return 0;
	waits_done(w);
	return -ENOMEM;
}

void waits_done(struct waits *w)
{
	addrmap_free(w->cond_lists);
	addrmap_free(w->long_queues);
	w->long_queues = w->cond_lists = NULL;
}

bool chase(struct go_runtime *rt, uint64_t addr, void *buf, size_t len)
{
	return addr >= MIN_POINTER && mem_read(rt->chase, addr, buf, len) == 0;
}

/* The stack offset up to which a runtime record's address may stand. */
static size_t search_end(const struct go_walk *walk, const struct stack *frames)
{
	size_t end = walk->stack.len < SEARCH_BYTES ? walk->stack.len : SEARCH_BYTES;
	uint32_t outside = 0;

	/*
	 * Physical frames and symbolized ones differ in number where calls are inlined; both are
	 * in order, and an entry pc that appears in both ties them together.
	 */
	for (size_t i = 0, f = 0; i < walk->n_frames && f < frames->n; i++) {
		while (f < frames->n && frames->frames[f].pc != walk->frames[i].pc)
			f++;
		if (f == frames->n)
			break;
		if (frames->frames[f].function &&
		    strncmp(frames->frames[f].function, "runtime.", 8) != 0 && ++outside == 3)
			return walk->frames[i].sp_off < end ? walk->frames[i].sp_off : end;
	}
	return end;
}

/*
 * A pointer that may lead to a record: those are in the heap or the data, never on a stack, where a
 * spilled pointer to the goroutine would make anything look like one.
 */
static bool may_lead(const struct wait_query *q, uint64_t word)
{
	const struct go_g *g = q->walk->g;

	return word >= MIN_POINTER && word % 4 == 0 && word >> 47 == 0 &&
	       (word < g->stack_lo || word >= g->stack_hi);
}

uint64_t search_stack(const struct wait_query *q, int32_t *hint,
		      bool (*is_it)(const struct wait_query *q, uint64_t word, void *arg),
		      void *arg)
{
	struct span stack = q->walk->stack;
	size_t end;
	uint64_t last = 0;

	if (*hint >= 0 && (size_t)*hint + 8 <= stack.len) {
		uint64_t word = span_u64(&stack, (size_t)*hint);

		if (may_lead(q, word) && is_it(q, word, arg))
			return word;
	}
	end = search_end(q->walk, q->frames);
	for (size_t off = 0; off + 8 <= end; off += 8) {
		uint64_t word = span_u64(&stack, off);

		if (word == last || !may_lead(q, word))
			continue;
		last = word;
		if (is_it(q, word, arg)) {
			*hint = (int32_t)off;
			return word;
		}
	}
	return 0;
}

bool timer_left(struct go_runtime *rt, uint64_t timer, int64_t *left_ns)
{
	int64_t when;

	if (!chase(rt, timer + rt->layout.timer_when, &when, sizeof(when)))
		return false;
	*left_ns = rt->now_ns ? when - rt->now_ns : TIME_UNKNOWN;
	return when > 0;
}

static bool starts(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

/*
 * The runtime's own words (runtime2.go, waitReasonStrings), a "(durable)" behind some since
 * Go 1.25 (synctest). "semacquire" is every semaphore up to Go 1.19 and the nameless ones since.
 */
void wait_resolve(struct waits *w, const struct go_walk *walk, const char *reason,
		  const struct stack *frames, struct wait_hint *hint, struct wait_object *ret)
{
	struct wait_query q = { w, walk, reason, frames, hint };

	*ret = (struct wait_object){ .kind = WAIT_NONE };
	if (!go_state_is_parked(walk->g->state))
		return;
	if (!reason)
		return;
	if (strcmp(reason, "chan send (nil chan)") == 0 ||
	    strcmp(reason, "chan receive (nil chan)") == 0) {
		ret->kind = WAIT_CHAN;
		ret->known = true;
		ret->chan.dir = starts(reason, "chan send") ? CHAN_SEND : CHAN_RECV;
	} else if (starts(reason, "chan send") || starts(reason, "chan receive")) {
		ret->kind = WAIT_CHAN;
		ret->known = wait_for_chan(&q, &ret->chan);
	} else if (strcmp(reason, "select (no cases)") == 0) {
		ret->kind = WAIT_SELECT;
		ret->known = true;
	} else if (starts(reason, "select")) {
		ret->kind = WAIT_SELECT;
		ret->known = wait_for_select(&q, ret);
	} else if (starts(reason, "IO wait")) {
		ret->kind = WAIT_FD;
		ret->known = wait_for_fd(&q, &ret->fd);
	} else if (starts(reason, "sleep")) {
		ret->kind = WAIT_TIMER;
		ret->known = wait_for_sleep(&q, &ret->timer.left_ns);
	} else if (starts(reason, "sync.Cond.Wait")) {
		ret->kind = WAIT_COND;
		ret->known = wait_for_cond(&q, &ret->sync);
	} else if (starts(reason, "semacquire") || starts(reason, "sync.")) {
		ret->kind = WAIT_SEMA;
		ret->known = wait_for_sema(&q, ret);
	}
}
