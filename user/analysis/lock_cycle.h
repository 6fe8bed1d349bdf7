/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deadlocks, of two looks at what the threads of a process sleep for. Pure: looks in, verdicts out.
 *
 * The looks read one thread after another while the process runs, so what one look shows may never
 * have been true at any one time. A thread that did not run between the two looks (its count of
 * switches says so) was in that wait, and held what it held, all the time from the first reading
 * to the last: only such waits count.
 */
#pragma once

#include <stdint.h>

#include "base/arena.h"
#include "model/locks.h"
#include "model/snapshot.h"

/*
 * waits[i] waits for the lock that waits[i + 1]'s thread holds, the last for the first's; the
 * lowest tid comes first. One thread alone waits for a lock that it holds itself. Proven when each
 * wait is a validated one for a pthread mutex, without a time limit; else suspect.
 */
struct lock_cycle {
	const struct lock_wait *const *waits;
	uint32_t n;
	uint32_t behind;	/* further threads that wait, directly or not, for these locks */
	struct finding finding;	/* "lock-cycle" */
};

/* A lock that stays closed, and nobody knows that it must: suspect. */
struct lock_stall {
	const struct lock_wait *waiter;		/* the lowest tid of those that wait for it */
	uint32_t n;				/* how many wait */
	const struct lock_wait *owner_waits;	/* what its owner sleeps for itself, or NULL */
	const struct lock_holder *holder;	/* its owner, if that does something else */
	struct finding finding;			/* "long-futex-wait" */
};

struct lock_verdicts {
	const struct lock_cycle *cycles;	/* proven ones first, then by the first tid */
	uint32_t n_cycles;
	const struct lock_stall *stalls;	/* most waiters first */
	uint32_t n_stalls;
};

/*
 * `span_ns` is the time between the looks. What is not proven is told only of waits that lasted
 * threshold_ns: by the span, or by their own waited_ns. Everything is in the arena or borrowed
 * from `now`. -ENOMEM.
 */
int lock_cycle_judge(const struct lock_look *before, const struct lock_look *now, int64_t span_ns,
		     int64_t threshold_ns, struct arena *a, struct lock_verdicts *ret);
