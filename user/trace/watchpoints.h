/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hardware watchpoints on memory of another process: does anybody read or write those 8 bytes? The
 * processor looks, so that nothing is slowed until somebody does but switches between threads
 * (watchpoint_cost.h); then the watchpoint is taken off at once, for each further access would trap.
 * They are descriptors of ours, and end with us.
 *
 * Every thread is watched, with those that it makes later. The kernel's own accesses for the
 * process, as in a write(2) of a buffer, count as well; what is read from outside does not.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/diag.h"

struct process;
struct watchpoints;

/* Debug registers of x86-64; and threads: each is a descriptor for each watchpoint. */
enum { WATCHPOINTS_MAX = 4, WATCHPOINTS_THREADS = 256 };

/*
 * Tries one on ourselves first, since there are machines that accept them and never report.
 * -EOPNOTSUPP there are none to be had, -EPERM, both with the sentence; -ENOMEM. `p` is borrowed.
 */
int watchpoints_open(const struct process *p, struct watchpoints **ret, struct diag *d);
void watchpoints_close(struct watchpoints *w);
DEFINE_CLEANUP(struct watchpoints, watchpoints_close)

/* Opens and closes one without a process: 0 or as above. */
int watchpoints_try(struct diag *d);

/*
 * One more, on 8 bytes; which one it is, 0 to WATCHPOINTS_MAX - 1. -EBUSY all are in use, by us or
 * by another (a debugger); -E2BIG too many threads; -EMFILE; -EINVAL an address that is not a
 * multiple of 8; -ESRCH.
 */
int watchpoints_set(struct watchpoints *w, uint64_t addr, struct diag *d);
void watchpoints_clear(struct watchpoints *w, int which);

struct watchpoint_state {
	uint64_t set_ns;	/* CLOCK_MONOTONIC: since then every thread is watched */
	uint64_t touched_ns;	/* the first access was seen; 0: nobody came */
	uint64_t hits;		/* until it was off: what it cost */
};
/* Of one that is set. */
void watchpoints_state(struct watchpoints *w, int which, struct watchpoint_state *ret);
