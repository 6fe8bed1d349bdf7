/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One wait of one goroutine: its identity, whether reachability can judge it, and the objects that
 * would have to be touched to end it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addrmap.h"
#include "goruntime/goroutines.h"
#include "goruntime/goruntime.h"

/*
 * The same as long as the goroutine has not run: of goid, trackingSeq, pc, depth of the stack and
 * first wait record. A stack that the collector moves does not change it. Never 0.
 */
uint64_t go_park_id(const struct go_g *g);

/* Of a stack: its return addresses, wait reason and go statement. Alike in goroutines of one site. */
uint64_t go_stack_hash(const struct go_walk *w);

enum go_park_kind {
	GO_PARK_OTHER,		/* something else than another goroutine may end it: alive */
	GO_PARK_FOREVER,	/* a nil channel, select {}: nothing ends it */
	GO_PARK_CHAN,
	GO_PARK_SELECT,
	GO_PARK_SEMA,		/* sync.Mutex, RWMutex, WaitGroup, or a bare semaphore */
	GO_PARK_COND,
};

/*
 * What a wait reason, in the target's own words, can be judged by. Unknown words, NULL and waits
 * inside a synctest bubble (its clock may end them) are GO_PARK_OTHER.
 */
enum go_park_kind go_park_kind(const char *reason);

/*
 * Did a goroutine with this wait reason park by itself, at a call, as gopark has it? Others that
 * "wait" are at work for the runtime: each word of their stacks may matter.
 */
bool go_park_is_still(const char *reason);

/* Where the record of a wait stands in stacks of one site: keep one a site, all -1 at first. */
struct go_park_hint {
	int32_t sudog, list;	/* offsets in the copy of the stack */
};
#define GO_PARK_HINT_INIT { -1, -1 }

/* All zero at first; used again for the next goroutine. */
struct go_park_waits {
	uint64_t *objects;	/* addresses: channels, semaphores, a notifyList */
	uint64_t *sudogs;	/* and the records that hang the goroutine there */
	size_t n, room;		/* of both: sudogs[i] stands for objects[i] */
	struct addrmap *listed;	/* what stands in the notifyLists that were walked; NULL at first */
	uint32_t steps;		/* that all those walks have taken, at most LIMIT_QUEUE */
};
void go_park_waits_done(struct go_park_waits *w);

/*
 * Fills *ret for a goroutine parked in this way, which still stands in the queue of all that it waits
 * on. 0; -EAGAIN its records do not confirm that, or a timer feeds the channel: it must count as
 * alive. -ENOMEM. With 0 and nothing found nothing can end the wait.
 */
int go_park_find_waits(struct go_runtime *rt, const struct go_walk *w, enum go_park_kind kind,
		       struct go_park_hint *hint, struct go_park_waits *ret);
