/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a parked goroutine waits for: channels, sync objects, descriptors, timers. The wait reason
 * gives the kind, the runtime's own records (sudog, hchan, pollDesc, notifyList) give the object,
 * and each record must point back to the goroutine, or the object stays unknown.
 */
#pragma once

#include <stdint.h>

#include "base/addrmap.h"
#include "base/arena.h"
#include "goruntime/goroutines.h"
#include "goruntime/goruntime.h"
#include "model/goroutine.h"

struct waits {
	struct go_runtime *rt;
	struct arena *arena;	/* for what a wait_object points to */
	struct addrmap *long_queues;	/* queue address -> length, lowest bit: and more */
	struct addrmap *cond_lists;	/* notifyLists that a walk has confirmed */
	uint32_t cond_steps;	/* that those walks have taken, at most LIMIT_QUEUE */
	uint64_t queue_reads;	/* page reads that walks of wait queues have cost so far */
};

/* 0 or -ENOMEM. */
int waits_init(struct waits *w, struct go_runtime *rt, struct arena *a);
void waits_done(struct waits *w);

/*
 * A record is found by looking for its address on the goroutine's stack. Goroutines with the same
 * return addresses keep it in the same place: the caller keeps one of these for each such group.
 */
struct wait_hint {
	int32_t record;		/* offset of the word in the stack copy; -1 not known yet */
	int32_t list;		/* the same for sync.Cond's list */
};
#define WAIT_HINT_INIT { .record = -1, .list = -1 }

/*
 * Fills ret for the walked goroutine. `reason` is its wait reason by name (NULL when it does not
 * wait), `frames` its symbolized stack, innermost first. ret->known is false where the runtime's
 * records did not confirm each other: a torn read or a wait that we do not know.
 * The descriptor's socket is not looked up here: that is the caller's part.
 */
void wait_resolve(struct waits *w, const struct go_walk *walk, const char *reason,
		  const struct stack *frames, struct wait_hint *hint, struct wait_object *ret);
