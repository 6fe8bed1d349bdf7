/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The locks of one process over time: what its C threads wait for, by /proc and memory, joined with
 * what the kernel's side traces. Without the latter deadlocks are found all the same; waits that
 * end between two looks are not seen.
 */
#pragma once

#include "analysis/lock_cycle.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "model/locks.h"

struct collector_ops;
struct collector_source;
struct lock_watch;
struct traced_futex;

/* A lock that stays closed this long is told of. */
#define LOCK_STALL_NS 10000000000ll

/*
 * Tracing that is refused is no error: see lock_watch_refused().
 * -ESRCH, -EPERM, -ENOMEM.
 */
int lock_watch_open(const struct collector_source *src, struct lock_watch **ret, struct diag *d);
void lock_watch_close(struct lock_watch *w);
DEFINE_CLEANUP(struct lock_watch, lock_watch_close)

/*
 * One without tracing of its own: what is traced of all processes is given to each look, as it is of
 * this one.
 */
int lock_watch_open_fed(const struct collector_source *src, struct lock_watch **ret,
			struct diag *d);
void lock_watch_feed(struct lock_watch *w, const struct traced_futex *t);

/* Tracing is on from now on, for good; without it, and without a pace, it stays off. */
int lock_watch_arm(struct lock_watch *w, struct diag *d);

/* Why there is no tracing; NULL when there is. */
const struct diag *lock_watch_refused(const struct lock_watch *w);

struct lock_interval {
	int64_t span_ns;	/* since the look before; 0: the first one, which judges nothing */
	struct lock_look look;
	struct lock_verdicts verdicts;
	const struct lock_contention *contended;	/* longest wait first */
	uint32_t n_contended;
	uint64_t long_waits;	/* that ended in the interval; 0 also when nothing is traced */
	uint64_t lost;		/* of these, in no lock of `contended` */
	uint64_t blind;		/* sleeps that could not be followed */
};

/*
 * Looks, and judges it with the look before. *ret is the watch's, until the next call. -ESRCH,
 * -EPERM, -ENOMEM.
 */
int lock_watch_look(struct lock_watch *w, const struct lock_interval **ret, struct diag *d);

extern const struct collector_ops lock_watch_collector;
