/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a thread that sleeps in a futex waits for, by glibc's lock structs: a futex word is only a
 * number, so the system call, the struct's bytes and the waiter's own stack must agree before it
 * is called a lock that somebody holds.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/mem.h"
#include "model/locks.h"
#include "native/thread.h"

/* include/uapi/linux/futex.h; with FUTEX_PRIVATE_FLAG or FUTEX_CLOCK_REALTIME or without. */
#define FUTEX_CMD(op) ((op) & 0x7fu)

/* Does it sleep in a futex (system call 202)? Not when it wakes others. */
bool pthread_waits_in_futex(const struct native_thread *t);

/*
 * The same, for a value that glibc sleeps on for a mutex (2, or an owner with its bit for waiters),
 * a rwlock or a thread's end. An idle pool's conditions and a Go runtime's threads sleep on 0: most
 * of what sleeps in most processes, and nobody holds it.
 */
bool pthread_may_wait_for_lock(const struct native_thread *t);
/* The same of a futex call's operation and value. */
bool pthread_locks_with(uint32_t op, uint32_t value);

struct pthread_lock {
	enum lock_kind kind;
	uint64_t lock;		/* 0 unknown */
	uint32_t word;
	bool for_read, timed;
	int32_t owner;		/* as the process itself calls its threads; 0 unknown */
	bool consistent;	/* all witnesses agree: the owner holds it, the waiter wants it */
};

/*
 * functions: the names of the waiter's n innermost frames, NULL for those without one. -EFAULT the
 * word cannot be read.
 */
int pthread_lock_read(struct mem *m, const struct native_thread *waiter,
		      const char *const *functions, uint32_t n, struct pthread_lock *ret);
