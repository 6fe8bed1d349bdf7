/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads that sleep in a futex, the locks they sleep for, and who holds these: one look at one
 * process. Plain values; strings are owned by the arena of whoever looked, and are raw bytes.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "model/goroutine.h"

enum lock_kind {
	LOCK_UNKNOWN,		/* a futex; nothing says of what */
	LOCK_MUTEX,		/* pthread_mutex_t */
	LOCK_RWLOCK,		/* pthread_rwlock_t */
	LOCK_COND,		/* pthread_cond_t: nobody holds it, to wait for ever is healthy */
	LOCK_JOIN,		/* pthread_join(): ends with the thread */
	LOCK_KINDS
};

/* "futex", "pthread_mutex", "pthread_rwlock", ... */
const char *lock_kind_name(enum lock_kind k);

/* One thread that sleeps in a futex. */
struct lock_wait {
	int32_t tid;		/* as we see it, and so is owner */
	uint64_t start_ticks;	/* of the thread: with the tid its identity */
	uint64_t switches;	/* times it has left the CPU: equal in two looks, it has not run */
	const char *comm;
	uint64_t futex;		/* the word that it sleeps on */
	uint32_t word;		/* what stands there */
	enum lock_kind kind;
	uint64_t lock;		/* the object that the word is a part of; 0 unknown */
	bool for_read;		/* LOCK_RWLOCK */
	bool timed;		/* the wait ends by itself */
	int32_t owner;		/* 0 unknown */
	/*
	 * The object's bytes, the system call and the waiter's stack all say that it is such a
	 * lock and that the owner, a live thread of this process, holds it. What is not, may not
	 * prove anything.
	 */
	bool validated;
	int64_t waited_ns;	/* at least; WAIT_UNKNOWN */
	struct stack stack;
};

/* A thread that holds a lock and does not itself sleep in a futex. */
struct lock_holder {
	int32_t tid;
	const char *comm;
	char state;		/* 'R', 'S', 'D', ... of proc_pid_stat(5); 0 unknown */
	const char *sleeps_in;	/* wchan or NULL */
	struct stack stack;	/* empty while it runs */
};

/* So many wait for one lock that only some of them were looked at. */
struct lock_crowd {
	uint64_t futex;
	uint32_t others;	/* that are not among the waits */
};

struct lock_look {
	const struct lock_wait *waits;	/* by tid; only those that may be for a lock */
	uint32_t n_waits;
	const struct lock_crowd *crowds;	/* by futex */
	uint32_t n_crowds;
	const struct lock_holder *holders;	/* by tid */
	uint32_t n_holders;
	uint32_t threads;	/* of the process */
	uint32_t not_looked_at;	/* threads beyond LIMIT_LOCK_WAITS, or that changed while read */
};

/* What tracing knows of a sleeping thread besides, from a moment shortly before the look. */
struct lock_hint {
	int32_t tid;
	uint64_t switches;
	int64_t waited_ns;	/* WAIT_UNKNOWN */
	uint64_t regs[17];	/* all of them, by DWARF's numbers (image/cfi.h) */
};

/*
 * Are these one and the same sleep, without a break, for the same lock in the same hands? a may be
 * NULL: no.
 */
bool lock_wait_same(const struct lock_wait *a, const struct lock_wait *b);

/* Those that wait on that word besides the ones in the look. */
uint32_t lock_look_others(const struct lock_look *l, uint64_t futex);

/* NULL when that thread is not in the look. */
const struct lock_wait *lock_look_wait(const struct lock_look *l, int32_t tid);
const struct lock_holder *lock_look_holder(const struct lock_look *l, int32_t tid);

/* One thread at a lock, with the stack it had then. */
struct lock_side {
	int32_t tid;		/* 0: it was not seen */
	struct stack stack;
};

/* Waits for one lock that were long, and ended while they were traced. */
struct lock_contention {
	uint64_t futex;
	uint64_t waits, total_ns, longest_ns;
	uint64_t wakes;		/* of these: ended by a thread of the process, not by time */
	bool timed;		/* the longest had a time limit */
	bool at_least;		/* its beginning was not seen: longest_ns is a lower bound */
	struct lock_side waiter;	/* of the longest of which the stack was seen */
	struct lock_side waker;		/* who ended the longest that somebody ended */
};
