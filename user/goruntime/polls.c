// SPDX-License-Identifier: Apache-2.0
/* Goroutines that wait for a descriptor (runtime/netpoll.go) or for time (runtime/time.go). */
#include "goruntime/wait_kinds.h"

/* What rg and wg hold: pdNil, pdReady, pdWait, or a goroutine. */
static bool is_poll_state(uint64_t word)
{
	return word <= 2 || (word % 8 == 0 && word >= 4096 && word >> 47 == 0);
}

/*
 * pollDesc.rg or .wg holds the goroutine that waits for reading or writing: netpollblockcommit
 * stores it there. So a word on the stack is the pollDesc exactly when that points back.
 */
static bool is_poll_desc(const struct wait_query *q, uint64_t word, void *arg)
{
	const struct go_layout *l = &q->w->rt->layout;
	char *mode = arg;
	uint64_t rg, wg, own = q->walk->g->addr;

	if (!chase(q->w->rt, word + (uint64_t)l->polldesc_rg, &rg, 8) ||
	    !chase(q->w->rt, word + (uint64_t)l->polldesc_wg, &wg, 8))
		return false;
	*mode = rg == own ? 'r' : 'w';
	return (rg == own || wg == own) && is_poll_state(rg) && is_poll_state(wg);
}

/* Neither number may be what no kernel hands out, or the two fields are of something else. */
#define MAX_FD (1 << 30)

bool wait_for_fd(const struct wait_query *q, struct wait_fd *ret)
{
	struct go_runtime *rt = q->w->rt;
	uint64_t desc, fd;
	int64_t deadline;

	*ret = (struct wait_fd){ .fd = -1 };
	desc = search_stack(q, &q->hint->record, is_poll_desc, &ret->mode);
	if (!desc || !chase(rt, desc + (uint64_t)rt->layout.polldesc_fd, &fd, 8) || fd > MAX_FD)
		return false;
	ret->fd = (int)fd;
	/* A nanotime; 0 none, negative expired. */
	if (chase(rt, desc + (uint64_t)(ret->mode == 'r' ? rt->layout.polldesc_rd
							  : rt->layout.polldesc_wd),
		  &deadline, 8)) {
		ret->deadline_known = true;
		ret->has_deadline = deadline != 0;
		if (deadline > 0)
			ret->deadline_left_ns = rt->now_ns ? deadline - rt->now_ns : TIME_UNKNOWN;
		else if (deadline < 0)
			ret->deadline_left_ns = -1;
	}
	return true;
}

bool wait_for_sleep(const struct wait_query *q, int64_t *left_ns)
{
	uint64_t timer = q->walk->g->timer;

	return timer && timer_left(q->w->rt, timer, left_ns);
}
