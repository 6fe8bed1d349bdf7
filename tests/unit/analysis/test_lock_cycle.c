// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "../unit.h"

#include "analysis/lock_cycle.h"
#include "base/cleanup.h"

#define SECOND 1000000000ll
#define THRESHOLD (10 * SECOND)

static const struct frame frames[] = {
	{ .pc = 0x7f0010, .function = "libc.so.6+0x8bc70" },
	{ .pc = 0x7f0020, .entry = 0x7f0000, .function = "___pthread_mutex_lock" },
	{ .pc = 0x401000, .entry = 0x400f00, .function = "transfer", .file = "/src/bank.c",
	  .line = 12 },
	{ .pc = 0x402000, .entry = 0x401f00, .function = "worker" },
};

static struct lock_wait wait_of(int32_t tid, uint64_t lock, int32_t owner)
{
	return (struct lock_wait){
		.tid = tid, .start_ticks = 5, .switches = 77, .comm = "t", .futex = lock,
		.word = 2, .kind = LOCK_MUTEX, .lock = lock, .owner = owner, .validated = true,
		.waited_ns = WAIT_UNKNOWN, .stack = { .frames = frames, .n = ARRAY_SIZE(frames) },
	};
}

static struct lock_look look_of(const struct lock_wait *waits, uint32_t n)
{
	return (struct lock_look){ .waits = waits, .n_waits = n, .threads = n };
}

/* Judges a pair of looks; the arena lives until the next call. */
static struct lock_verdicts judge(struct lock_look before, struct lock_look now, int64_t span)
{
	static struct arena *arena;
	struct lock_verdicts v;

	arena_free(arena);
	arena = arena_new();
	assert_non_null(arena);
	assert_int_equal(lock_cycle_judge(&before, &now, span, THRESHOLD, arena, &v), 0);
	return v;
}

static void two_threads_that_wait_for_each_other_are_proven(void **state)
{
	struct lock_wait w[] = { wait_of(10, 0xa0, 11), wait_of(11, 0xb0, 10) };
	struct lock_verdicts v = judge(look_of(w, 2), look_of(w, 2), SECOND);

	(void)state;
	assert_int_equal(v.n_cycles, 1);
	assert_int_equal(v.n_stalls, 0);
	assert_int_equal(v.cycles[0].n, 2);
	assert_int_equal(v.cycles[0].waits[0]->tid, 10);
	assert_int_equal(v.cycles[0].waits[1]->tid, 11);
	assert_int_equal(v.cycles[0].finding.verdict, VERDICT_PROVEN);
	assert_string_equal(v.cycles[0].finding.pattern, "lock-cycle");
	assert_string_equal(v.cycles[0].finding.site, "transfer bank.c:12");
	assert_string_equal(v.cycles[0].finding.evidence[1],
			    "thread 11 (t) waits in transfer bank.c:12, called by worker, for the "
			    "pthread_mutex 0xb0, which thread 10 holds");
}

static void a_cycle_of_three_is_told_in_the_order_of_its_waits(void **state)
{
	struct lock_wait w[] = { wait_of(10, 0xa0, 12), wait_of(11, 0xb0, 10),
				 wait_of(12, 0xc0, 11) };
	struct lock_verdicts v = judge(look_of(w, 3), look_of(w, 3), SECOND);

	(void)state;
	assert_int_equal(v.n_cycles, 1);
	assert_int_equal(v.cycles[0].n, 3);
	assert_int_equal(v.cycles[0].waits[0]->tid, 10);
	assert_int_equal(v.cycles[0].waits[1]->tid, 12);
	assert_int_equal(v.cycles[0].waits[2]->tid, 11);
}

static void a_thread_that_waits_for_its_own_lock_is_a_cycle(void **state)
{
	struct lock_wait w[] = { wait_of(10, 0xa0, 10) };
	struct lock_verdicts v = judge(look_of(w, 1), look_of(w, 1), SECOND);

	(void)state;
	assert_int_equal(v.n_cycles, 1);
	assert_int_equal(v.cycles[0].n, 1);
	assert_int_equal(v.cycles[0].finding.verdict, VERDICT_PROVEN);
}

static void a_crowd_that_was_not_looked_at_counts(void **state)
{
	static const struct lock_crowd crowds[] = { { 0xa0, 1984 }, { 0xf0, 7 } };
	struct lock_wait cycle[] = { wait_of(10, 0xa0, 11), wait_of(11, 0xb0, 10) };
	struct lock_wait shut[] = { wait_of(12, 0xf0, 13) };
	struct lock_look look = look_of(cycle, 2);
	struct lock_verdicts v;

	(void)state;
	look.crowds = crowds;
	look.n_crowds = 2;
	v = judge(look, look, SECOND);
	assert_int_equal(v.cycles[0].behind, 1984);
	assert_int_equal(v.cycles[0].finding.n_evidence, 3);
	assert_string_equal(v.cycles[0].finding.evidence[2],
			    "1,984 more threads wait for these locks");
	look = look_of(shut, 1);
	look.crowds = crowds;
	look.n_crowds = 2;
	v = judge(look, look, 2 * THRESHOLD);
	assert_int_equal(v.n_stalls, 1);
	assert_int_equal(v.stalls[0].finding.count, 8);
}

static void one_look_proves_nothing(void **state)
{
	struct lock_wait w[] = { wait_of(10, 0xa0, 11), wait_of(11, 0xb0, 10) };
	struct lock_verdicts v = judge(look_of(NULL, 0), look_of(w, 2), 100 * SECOND);

	(void)state;
	assert_int_equal(v.n_cycles + v.n_stalls, 0);
}

/* Anything that may differ between two looks at a wait. */
static void a_thread_that_ran_in_between_is_in_no_cycle(void **state)
{
	struct lock_wait now[] = { wait_of(10, 0xa0, 11), wait_of(11, 0xb0, 10) };

	(void)state;
	for (int i = 0; i < 6; i++) {
		struct lock_wait before[] = { now[0], now[1] };
		struct lock_verdicts v;

		before[1].switches -= i == 0;
		before[1].start_ticks -= i == 1;
		before[1].word -= i == 2;
		before[1].owner += i == 3;
		before[1].tid += i == 4;
		before[1].futex += i == 5;
		v = judge(look_of(before, 2), look_of(now, 2), 100 * SECOND);
		assert_int_equal(v.n_cycles, 0);
	}
}

static void a_cycle_without_proof_of_every_wait_is_suspect_after_a_while(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct lock_wait w[] = { wait_of(10, 0xa0, 11), wait_of(11, 0xb0, 10) };
		struct lock_verdicts v;

		if (i)
			w[1].validated = false;
		else
			w[1].kind = LOCK_RWLOCK;
		v = judge(look_of(w, 2), look_of(w, 2), THRESHOLD - 1);
		assert_int_equal(v.n_cycles, 0);
		v = judge(look_of(w, 2), look_of(w, 2), THRESHOLD);
		assert_int_equal(v.n_cycles, 1);
		assert_int_equal(v.cycles[0].finding.verdict, VERDICT_SUSPECT);
		w[0].waited_ns = w[1].waited_ns = THRESHOLD;
		v = judge(look_of(w, 2), look_of(w, 2), SECOND);
		assert_int_equal(v.n_cycles, 1);
	}
}

static void a_wait_with_a_time_limit_is_no_deadlock(void **state)
{
	struct lock_wait w[] = { wait_of(10, 0xa0, 11), wait_of(11, 0xb0, 10) };
	struct lock_verdicts v;

	(void)state;
	w[0].timed = true;
	v = judge(look_of(w, 2), look_of(w, 2), 100 * SECOND);
	assert_int_equal(v.n_cycles, 0);
}

static void waits_behind_a_cycle_are_counted_there_and_nowhere_else(void **state)
{
	struct lock_wait w[] = { wait_of(9, 0xd0, 0), wait_of(10, 0xa0, 11), wait_of(11, 0xb0, 10),
				 wait_of(12, 0xa0, 11), wait_of(13, 0xc0, 12) };
	struct lock_verdicts v;

	(void)state;
	w[0].kind = LOCK_COND;
	v = judge(look_of(w, 5), look_of(w, 5), 100 * SECOND);
	assert_int_equal(v.n_cycles, 1);
	assert_int_equal(v.cycles[0].behind, 2);
	assert_int_equal(v.n_stalls, 0);
}

static void a_lock_that_stays_closed_is_suspect(void **state)
{
	struct lock_wait w[] = { wait_of(10, 0xa0, 20), wait_of(11, 0xa0, 20) };
	struct lock_holder h = { .tid = 20, .comm = "h", .state = 'S',
				 .stack = { .frames = frames + 3, .n = 1 } };
	struct lock_look now = look_of(w, 2);
	struct lock_verdicts v;

	(void)state;
	now.holders = &h;
	now.n_holders = 1;
	v = judge(look_of(w, 2), now, THRESHOLD - 1);
	assert_int_equal(v.n_stalls, 0);
	v = judge(look_of(w, 2), now, THRESHOLD);
	assert_int_equal(v.n_stalls, 1);
	assert_int_equal(v.stalls[0].n, 2);
	assert_ptr_equal(v.stalls[0].holder, &h);
	assert_int_equal(v.stalls[0].finding.verdict, VERDICT_SUSPECT);
	assert_string_equal(v.stalls[0].finding.pattern, "long-futex-wait");
	assert_string_equal(v.stalls[0].finding.evidence[1], "thread 20 sleeps in worker");
}

static void a_lock_that_let_somebody_in_is_healthy(void **state)
{
	struct lock_wait before[] = { wait_of(10, 0xa0, 20), wait_of(11, 0xa0, 20),
				      wait_of(12, 0xa0, 20) };
	struct lock_verdicts v;

	(void)state;
	/* One of the waiters is gone, the others have not moved. */
	v = judge(look_of(before, 3), look_of(before, 2), 100 * SECOND);
	assert_int_equal(v.n_stalls, 0);
	/* One has come: that does not open it. */
	v = judge(look_of(before, 2), look_of(before, 3), 100 * SECOND);
	assert_int_equal(v.n_stalls, 1);
}

static void what_nobody_holds_is_not_named(void **state)
{
	struct lock_wait w[] = { wait_of(10, 0xa0, 0), wait_of(11, 0xb0, 0), wait_of(12, 0xc0, 13),
				 wait_of(13, 0xd0, 0) };
	struct lock_verdicts v;

	(void)state;
	w[0].kind = LOCK_COND;
	w[2].kind = LOCK_JOIN;
	w[3].kind = LOCK_UNKNOWN;
	v = judge(look_of(w, 4), look_of(w, 4), 100 * SECOND);
	assert_int_equal(v.n_cycles + v.n_stalls, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_threads_that_wait_for_each_other_are_proven),
		cmocka_unit_test(a_cycle_of_three_is_told_in_the_order_of_its_waits),
		cmocka_unit_test(a_thread_that_waits_for_its_own_lock_is_a_cycle),
		cmocka_unit_test(a_crowd_that_was_not_looked_at_counts),
		cmocka_unit_test(one_look_proves_nothing),
		cmocka_unit_test(a_thread_that_ran_in_between_is_in_no_cycle),
		cmocka_unit_test(a_cycle_without_proof_of_every_wait_is_suspect_after_a_while),
		cmocka_unit_test(a_wait_with_a_time_limit_is_no_deadlock),
		cmocka_unit_test(waits_behind_a_cycle_are_counted_there_and_nowhere_else),
		cmocka_unit_test(a_lock_that_stays_closed_is_suspect),
		cmocka_unit_test(a_lock_that_let_somebody_in_is_healthy),
		cmocka_unit_test(what_nobody_holds_is_not_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
