/* SPDX-License-Identifier: Apache-2.0 */
/* Long sleeps in futexes, as the kernel saw them: of one interval, and of this moment. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "model/stack_copy.h"

struct traced_futex_side {
	pid_t tid;		/* of the first pid namespace; 0: there is none */
	struct stack_copy stack;
};

/*
 * The sleeps on one futex word that took at least the threshold and ended in the interval, while
 * tracing was on.
 */
struct traced_futex_lock {
	pid_t tgid;
	uint64_t uaddr;
	uint32_t op, val;	/* val: of the longest */
	uint64_t waits, total_ns, longest_ns;
	uint64_t wakes;		/* of these: ended by a thread of the process, not by time */
	bool timed;		/* the longest had a time limit */
	bool at_least;		/* it had begun unseen, so longest_ns is a lower bound */
	struct traced_futex_side waiter;	/* of the longest of which the stack was seen */
	struct traced_futex_side waker;	/* who ended the longest that somebody ended */
};

/* A thread that sleeps in a futex now. */
struct traced_futex_now {
	pid_t tgid, tid;
	uint64_t uaddr;
	uint32_t op, val;
	bool timed;
	bool at_least;		/* it slept before we came: waited_ns is since then */
	uint64_t waited_ns;	/* 0 unknown: it is seen for the first time */
	uint64_t switches;	/* times it has left the CPU */
	uint64_t regs[STACK_COPY_REGS];	/* all of them: the stack can be read, for it sleeps */
};

struct traced_futex {
	struct traced_futex_lock *locks;	/* longest wait first */
	size_t n_locks;
	struct traced_futex_now *now;	/* by tid */
	size_t n_now;
	uint64_t waits;		/* of at least the threshold, in all */
	uint64_t lost;		/* of these, in no lock: there were too many different words */
	uint64_t blind;		/* sleeps of any length that were not followed */
	bool now_truncated;	/* more sleepers than are kept */
};
