// SPDX-License-Identifier: Apache-2.0
#include <pthread.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../unit.h"

#include "base/cleanup.h"
#include "native/pthread.h"

#define ADDR 0x7000ull

enum { WAIT_PRIVATE = 128, LOCK_PI_PRIVATE = 134, WAIT_BITSET_PRIVATE = 137, WAKE_PRIVATE = 129 };

static const char *const in_mutex_lock[] = { NULL, "___pthread_mutex_lock", "main" };
static const char *const in_rwlock[] = { NULL, "__pthread_rwlock_rdlock", "main" };
static const char *const in_cond_wait[] = { NULL, "pthread_cond_wait@@GLIBC_2.3.2", "main" };
static const char *const nowhere[] = { NULL, NULL, "main" };

static struct native_thread sleeper(uint64_t uaddr, uint64_t op, uint64_t value)
{
	return (struct native_thread){ .tid = 7, .state = 'S', .blocked = true, .syscall = 202,
				       .args = { uaddr, op, value } };
}

static struct pthread_lock read_lock(const void *bytes, size_t len, struct native_thread t,
				     const char *const *functions)
{
	struct mem_range range = { .addr = ADDR, .bytes = bytes, .len = len };
	CLEANUP(mem_close_p) struct mem *m = NULL;
	struct pthread_lock l;

	assert_int_equal(mem_array_open(&range, 1, &m), 0);
	assert_int_equal(pthread_lock_read(m, &t, functions, 3, &l), 0);
	return l;
}

/* As glibc itself leaves it when this thread holds it and somebody waits. */
static pthread_mutex_t held_mutex(int type)
{
	pthread_mutexattr_t attr;
	pthread_mutex_t m;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, type);
	pthread_mutex_init(&m, &attr);
	pthread_mutex_lock(&m);
	m.__data.__lock = 2;
	return m;
}

static void a_mutex_that_glibc_locked_names_its_owner(void **state)
{
	const int types[] = { PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_RECURSIVE,
			      PTHREAD_MUTEX_ERRORCHECK, PTHREAD_MUTEX_ADAPTIVE_NP };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		pthread_mutex_t m = held_mutex(types[i]);
		struct pthread_lock l = read_lock(&m, sizeof(m), sleeper(ADDR, WAIT_PRIVATE, 2),
						  in_mutex_lock);

		assert_int_equal(l.kind, LOCK_MUTEX);
		assert_int_equal(l.lock, ADDR);
		assert_int_equal(l.owner, syscall(SYS_gettid));
		assert_true(l.consistent);
		assert_false(l.timed);
	}
}

static void a_mutex_that_inherits_priority_says_so_in_its_word(void **state)
{
	pthread_mutexattr_t attr;
	pthread_mutex_t m;
	struct pthread_lock l;

	(void)state;
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT);
	pthread_mutex_init(&m, &attr);
	pthread_mutex_lock(&m);
	m.__data.__lock |= (int)0x80000000u;
	l = read_lock(&m, sizeof(m), sleeper(ADDR, LOCK_PI_PRIVATE, 0), nowhere);
	assert_int_equal(l.kind, LOCK_MUTEX);
	assert_int_equal(l.owner, syscall(SYS_gettid));
	assert_true(l.consistent);
	m.__data.__owner++;
	l = read_lock(&m, sizeof(m), sleeper(ADDR, LOCK_PI_PRIVATE, 0), nowhere);
	assert_false(l.consistent);
}

static void every_witness_that_contradicts_takes_the_owner_away(void **state)
{
	(void)state;
	for (int i = 0; i < 8; i++) {
		pthread_mutex_t m = held_mutex(PTHREAD_MUTEX_NORMAL);
		struct native_thread t = sleeper(ADDR, WAIT_PRIVATE, 2);

		switch (i) {
		case 0: m.__data.__lock = 0; break;
		case 1: m.__data.__lock = 1; break;
		case 2: m.__data.__count = 5; break;
		case 3: m.__data.__nusers = 0; break;
		case 4: m.__data.__kind = 0x4000; break;
		case 5: t.args[1] = 0; break;	/* for a lock among processes, which this is not */
		case 6: t.args[1] = WAIT_BITSET_PRIVATE; break;
		default: m.__data.__kind = 1; break;	/* recursive, but counted 0 */
		}
		if (read_lock(&m, sizeof(m), t, in_mutex_lock).consistent)
			fail_msg("contradiction %d", i);
	}
}

static void without_a_function_that_says_so_it_is_not_believed(void **state)
{
	pthread_mutex_t m = held_mutex(PTHREAD_MUTEX_NORMAL);
	struct pthread_lock l = read_lock(&m, sizeof(m), sleeper(ADDR, WAIT_PRIVATE, 2), nowhere);

	(void)state;
	assert_int_equal(l.kind, LOCK_UNKNOWN);
	assert_false(l.consistent);
}

static void a_condition_is_a_mutex_once_its_waiter_takes_that_again(void **state)
{
	pthread_mutex_t m = held_mutex(PTHREAD_MUTEX_NORMAL);
	struct pthread_lock l;

	(void)state;
	l = read_lock(&m, sizeof(m), sleeper(ADDR, WAIT_PRIVATE, 2), in_cond_wait);
	assert_int_equal(l.kind, LOCK_MUTEX);
	assert_true(l.consistent);
	l = read_lock(&m, sizeof(m), sleeper(ADDR, WAIT_BITSET_PRIVATE, 2), in_cond_wait);
	assert_int_equal(l.kind, LOCK_COND);
	assert_int_equal(l.owner, 0);
}

static void a_time_limit_is_seen(void **state)
{
	pthread_mutex_t m = held_mutex(PTHREAD_MUTEX_NORMAL);
	struct native_thread t = sleeper(ADDR, WAIT_PRIVATE, 2);

	(void)state;
	t.args[3] = 0x1234;
	assert_true(read_lock(&m, sizeof(m), t, in_mutex_lock).timed);
}

static void the_writer_of_a_rwlock_is_its_owner_and_readers_are_not(void **state)
{
	pthread_rwlock_t rw = PTHREAD_RWLOCK_INITIALIZER;
	struct native_thread t = sleeper(
		ADDR + offsetof(struct __pthread_rwlock_arch_t, __wrphase_futex),
		WAIT_BITSET_PRIVATE, 3);
	struct pthread_lock l;

	(void)state;
	pthread_rwlock_wrlock(&rw);
	l = read_lock(&rw, sizeof(rw), t, in_rwlock);
	assert_int_equal(l.kind, LOCK_RWLOCK);
	assert_true(l.for_read);
	assert_int_equal(l.lock, ADDR);
	assert_int_equal(l.owner, syscall(SYS_gettid));
	pthread_rwlock_unlock(&rw);
	pthread_rwlock_rdlock(&rw);
	l = read_lock(&rw, sizeof(rw), t, in_rwlock);
	assert_int_equal(l.owner, 0);
	assert_false(l.consistent);
}

static void memory_that_is_not_there_is_no_lock(void **state)
{
	struct mem_range range = { .addr = ADDR, .bytes = "\2\0\0\0\0\0\0\0", .len = 8 };
	CLEANUP(mem_close_p) struct mem *m = NULL;
	struct native_thread t = sleeper(ADDR, WAIT_PRIVATE, 2);
	struct pthread_lock l;

	(void)state;
	assert_int_equal(mem_array_open(&range, 1, &m), 0);
	assert_int_equal(pthread_lock_read(m, &t, in_mutex_lock, 3, &l), 0);
	assert_false(l.consistent);
	t.args[0] = ADDR + 8;
	assert_int_equal(pthread_lock_read(m, &t, in_mutex_lock, 3, &l), -14);
}

static void only_waits_for_what_somebody_may_hold_are_looked_at(void **state)
{
	struct native_thread t;

	(void)state;
	t = sleeper(ADDR, WAIT_PRIVATE, 2);
	assert_true(pthread_may_wait_for_lock(&t));
	t = sleeper(ADDR, WAIT_PRIVATE, 0);	/* a Go runtime's thread */
	assert_false(pthread_may_wait_for_lock(&t));
	t = sleeper(ADDR, WAIT_BITSET_PRIVATE, 0);	/* an idle pool's condition */
	assert_false(pthread_may_wait_for_lock(&t));
	t = sleeper(ADDR, LOCK_PI_PRIVATE, 0);
	assert_true(pthread_may_wait_for_lock(&t));
	t = sleeper(ADDR, WAKE_PRIVATE, 2);
	assert_false(pthread_may_wait_for_lock(&t));
	t = sleeper(ADDR, WAIT_PRIVATE, 2);
	t.syscall = 0;
	assert_false(pthread_may_wait_for_lock(&t));
}

static void a_system_call_line_is_parsed_or_refused(void **state)
{
	static const char *const wrong[] = { "", "\n", "x", "202", "202 0x1", "-1", "-1 0x1",
					     "-2 0x1 0x2",
					     "202 0x1 0x2 0x3 0x4 0x5 0x6 0x7",
					     "99999999999999999999 1 2 3 4 5 6 7 8",
					     "202 0x1 0x2 0x3 0x4 0x5 0x6 0x7 z" };
	struct native_thread t = { .syscall = 0 };

	(void)state;
	assert_int_equal(native_thread_parse_syscall(
				 "202 0xa 0x80 0x2 0x0 0x0 0x0 0x7ffd10 0x7f0010\n", &t), 0);
	assert_true(t.blocked && t.syscall == 202 && t.args[0] == 0xa && t.args[1] == 128 &&
		    t.sp == 0x7ffd10 && t.pc == 0x7f0010);
	assert_int_equal(native_thread_parse_syscall("running\n", &t), 0);
	assert_false(t.blocked);
	assert_int_equal(native_thread_parse_syscall("-1 0x7ffd10 0x7f0010\n", &t), 0);
	assert_true(t.blocked && t.syscall == -1 && t.args[0] == 0 && t.sp == 0x7ffd10);
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		if (native_thread_parse_syscall(wrong[i], &t) == 0)
			fail_msg("\"%s\"", wrong[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_mutex_that_glibc_locked_names_its_owner),
		cmocka_unit_test(a_mutex_that_inherits_priority_says_so_in_its_word),
		cmocka_unit_test(every_witness_that_contradicts_takes_the_owner_away),
		cmocka_unit_test(without_a_function_that_says_so_it_is_not_believed),
		cmocka_unit_test(a_condition_is_a_mutex_once_its_waiter_takes_that_again),
		cmocka_unit_test(a_time_limit_is_seen),
		cmocka_unit_test(the_writer_of_a_rwlock_is_its_owner_and_readers_are_not),
		cmocka_unit_test(memory_that_is_not_there_is_no_lock),
		cmocka_unit_test(only_waits_for_what_somebody_may_hold_are_looked_at),
		cmocka_unit_test(a_system_call_line_is_parsed_or_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
