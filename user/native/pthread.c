// SPDX-License-Identifier: Apache-2.0
#include "native/pthread.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/span.h"

enum { SYS_FUTEX = 202 };	/* arch/x86/entry/syscalls/syscall_64.tbl */
enum { WAIT = 0, LOCK_PI = 6, WAIT_BITSET = 9, WAIT_REQUEUE_PI = 11, LOCK_PI2 = 13 };
enum { PRIVATE = 128 };
/* In the word of a robust or a priority-inheriting mutex (linux/futex.h). */
#define WAITERS 0x80000000u
#define TID_MASK 0x3fffffffu

/*
 * struct __pthread_mutex_s, glibc 2.0 to 2.41 on x86-64 (sysdeps/x86/nptl/bits/struct_mutex.h):
 * part of the ABI, for programs initialize it statically.
 */
enum { MUTEX_LOCK = 0, MUTEX_COUNT = 4, MUTEX_OWNER = 8, MUTEX_NUSERS = 12, MUTEX_KIND = 16,
       MUTEX_BYTES = 20 };
/* nptl/pthreadP.h */
enum { KIND_TYPE = 3, KIND_RECURSIVE = 1, KIND_ROBUST = 16, KIND_PI = 32, KIND_PP = 64,
       KIND_SHARED = 128, KIND_ELISION = 256, KIND_NO_ELISION = 512,
       KIND_BITS = KIND_TYPE | KIND_ROBUST | KIND_PI | KIND_PP | KIND_SHARED | KIND_ELISION |
		   KIND_NO_ELISION };
/*
 * struct __pthread_rwlock_arch_t since glibc 2.25 (sysdeps/x86/nptl/bits/struct_rwlock.h); the
 * bits of __readers are of nptl/pthread_rwlock_common.c.
 */
enum { RW_READERS = 0, RW_WRPHASE_FUTEX = 8, RW_WRITERS_FUTEX = 12, RW_CUR_WRITER = 24,
       RW_BYTES = 28 };
enum { RW_WRPHASE = 1, RW_WRLOCKED = 2 };

static bool is_wait(uint32_t cmd)
{
	return cmd == WAIT || cmd == WAIT_BITSET || cmd == LOCK_PI || cmd == LOCK_PI2 ||
	       cmd == WAIT_REQUEUE_PI;
}

bool pthread_waits_in_futex(const struct native_thread *t)
{
	return t->blocked && t->syscall == SYS_FUTEX && is_wait(FUTEX_CMD(t->args[1]));
}

bool pthread_locks_with(uint32_t op, uint32_t value)
{
	uint32_t cmd = FUTEX_CMD(op);

	/* Rust's parked threads sleep on that, and wait for work. */
	if (value == UINT32_MAX)
		return false;
	switch (cmd) {
	case WAIT:
		return value == 2 || (value & WAITERS);
	case WAIT_BITSET:
		return value != 0;
	default:
		return is_wait(cmd);
	}
}

bool pthread_may_wait_for_lock(const struct native_thread *t)
{
	return pthread_waits_in_futex(t) &&
	       pthread_locks_with((uint32_t)t->args[1], (uint32_t)t->args[2]);
}

/* What a function of libc's waits for; glibc's own aliases differ in leading underscores. */
static const struct {
	const char *start;
	enum lock_kind kind;
	bool for_read;
} waiting_functions[] = {
	{ "pthread_mutex_lock", LOCK_MUTEX, false },
	{ "pthread_mutex_timedlock", LOCK_MUTEX, false },
	{ "pthread_mutex_clocklock", LOCK_MUTEX, false },
	{ "pthread_mutex_cond_lock", LOCK_MUTEX, false },
	{ "pthread_rwlock_rdlock", LOCK_RWLOCK, true },
	{ "pthread_rwlock_timedrdlock", LOCK_RWLOCK, true },
	{ "pthread_rwlock_clockrdlock", LOCK_RWLOCK, true },
	{ "pthread_rwlock_wrlock", LOCK_RWLOCK, false },
	{ "pthread_rwlock_timedwrlock", LOCK_RWLOCK, false },
	{ "pthread_rwlock_clockwrlock", LOCK_RWLOCK, false },
	{ "pthread_cond_wait", LOCK_COND, false },
	{ "pthread_cond_timedwait", LOCK_COND, false },
	{ "pthread_cond_clockwait", LOCK_COND, false },
	{ "pthread_join", LOCK_JOIN, false },
	{ "pthread_timedjoin", LOCK_JOIN, false },
	{ "pthread_clockjoin", LOCK_JOIN, false },
};

static bool kind_of_function(const char *name, struct pthread_lock *ret)
{
	name += strspn(name, "_");
	for (size_t i = 0; i < ARRAY_SIZE(waiting_functions); i++) {
		size_t len = strlen(waiting_functions[i].start);

		if (strncmp(name, waiting_functions[i].start, len) != 0 ||
		    (name[len] && name[len] != '_' && name[len] != '@'))
			continue;
		ret->kind = waiting_functions[i].kind;
		ret->for_read = waiting_functions[i].for_read;
		return true;
	}
	return false;
}

/* Futex words in libc are slept on from at most some four frames within it. */
#define LIBC_FRAMES 5

static void kind_by_stack(const char *const *functions, uint32_t n, struct pthread_lock *ret)
{
	for (uint32_t i = 0; i < n && i < LIBC_FRAMES; i++)
		if (functions[i] && kind_of_function(functions[i], ret))
			return;
}

/* nptl/pthread_mutex_lock.c, lll_lock(): sleeps while the word is 2, without a time limit. */
static bool plain_mutex_is_held(struct span *s, const struct native_thread *waiter)
{
	uint32_t kind = span_u32(s, MUTEX_KIND), count = span_u32(s, MUTEX_COUNT);

	return FUTEX_CMD(waiter->args[1]) == WAIT && (uint32_t)waiter->args[2] == 2 &&
	       span_u32(s, MUTEX_LOCK) == 2 && span_u32(s, MUTEX_NUSERS) != 0 &&
	       !(waiter->args[1] & PRIVATE) == !!(kind & KIND_SHARED) &&
	       ((kind & KIND_TYPE) == KIND_RECURSIVE ? count != 0 : count == 0);
}

/* nptl/pthread_mutex_lock.c, __pthread_mutex_lock_full(): the word holds the owner's tid. */
static bool word_names_owner(struct span *s)
{
	uint32_t word = span_u32(s, MUTEX_LOCK);

	return (word & WAITERS) && (word & TID_MASK) == span_u32(s, MUTEX_OWNER);
}

static int read_mutex(struct mem *m, const struct native_thread *waiter, struct pthread_lock *ret)
{
	uint8_t bytes[MUTEX_BYTES];
	struct span s = span_of(bytes, sizeof(bytes));
	int r = mem_read(m, waiter->args[0], bytes, sizeof(bytes));
	uint32_t kind;
	bool held;

	if (r < 0)
		return r;
	kind = span_u32(&s, MUTEX_KIND);
	if (kind & ~(uint32_t)KIND_BITS)
		return 0;
	if (kind & (KIND_ROBUST | KIND_PI))
		held = word_names_owner(&s);
	else
		held = !(kind & KIND_PP) && plain_mutex_is_held(&s, waiter);
	ret->lock = waiter->args[0];
	if (!held)
		return 0;
	ret->owner = (int32_t)span_u32(&s, MUTEX_OWNER);
	ret->consistent = ret->kind == LOCK_MUTEX && ret->owner > 0;
	return 0;
}

/* Two of its words are slept on; which one it is, the offset of the other fields says. */
static int read_rwlock(struct mem *m, const struct native_thread *waiter,
		       struct pthread_lock *ret)
{
	static const uint64_t words[] = { RW_WRPHASE_FUTEX, RW_WRITERS_FUTEX };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		uint64_t base = waiter->args[0] - words[i];
		uint8_t bytes[RW_BYTES];
		struct span s = span_of(bytes, sizeof(bytes));
		uint32_t held = RW_WRPHASE | RW_WRLOCKED;

		/* It is aligned to 8 (its __pad2 is a long). */
		if (base & 7 || mem_read(m, base, bytes, sizeof(bytes)) < 0)
			continue;
		ret->lock = base;
		if ((span_u32(&s, RW_READERS) & held) != held)
			continue;	/* readers hold it, and nobody writes down who */
		ret->owner = (int32_t)span_u32(&s, RW_CUR_WRITER);
		ret->consistent = ret->owner > 0;
		return 0;
	}
	return 0;
}

int pthread_lock_read(struct mem *m, const struct native_thread *waiter,
		      const char *const *functions, uint32_t n, struct pthread_lock *ret)
{
	uint32_t cmd = FUTEX_CMD(waiter->args[1]);
	struct pthread_lock l = { .timed = waiter->args[3] != 0 };
	int r = mem_read_u32(m, waiter->args[0], &l.word);

	if (r < 0)
		return r;
	kind_by_stack(functions, n, &l);
	if (cmd == LOCK_PI || cmd == LOCK_PI2)
		l.kind = LOCK_MUTEX;	/* the kernel itself knows the owner by the word */
	/* A condition's waiter that was woken and takes its mutex again: lll_lock()'s call. */
	if (l.kind == LOCK_COND && cmd == WAIT && (uint32_t)waiter->args[2] == 2)
		l.kind = LOCK_MUTEX;
	/* No name in a stripped static program: what the bytes say is told, but not believed. */
	if (l.kind == LOCK_MUTEX || (l.kind == LOCK_UNKNOWN && cmd == WAIT))
		r = read_mutex(m, waiter, &l);
	else if (l.kind == LOCK_RWLOCK)
		r = read_rwlock(m, waiter, &l);
	else if (l.kind == LOCK_JOIN && l.word == (uint32_t)waiter->args[2])
		l.owner = (int32_t)l.word;	/* nptl/pthread_join_common.c: its tid */
	if (r < 0 && r != -EFAULT)
		return r;
	*ret = l;
	return 0;
}
