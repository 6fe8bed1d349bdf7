// SPDX-License-Identifier: Apache-2.0
/* The timers of Go's processors, of Go 1.22 and of Go 1.26, and memory that lies about them. */
#include <errno.h>
#include <string.h>

#include "../unit.h"

#include "timer_world.h"

#define S 1000000000ll

static const int minors[] = { 22, 26 };

static struct timer_world world;

static struct timer_look look_at(struct timer_world *t, int want)
{
	struct timer_look l = { 0 };

	assert_int_equal(timer_world_open(t), 0);
	assert_int_equal(go_timers_read(t->timers, &l, NULL), want);
	timer_world_close(t);
	return l;
}

static void add(struct timer_world *t, uint32_t p, uint32_t n, enum tw_chan chan)
{
	for (uint32_t i = 0; i < n; i++)
		timer_world_add(t, p, "time.sendTime", chan, WORLD_NOW + (i + 1) * S);
}

static void those_that_nobody_waits_for_are_told(void **state)
{
	(void)state;
	for (size_t m = 0; m < ARRAY_SIZE(minors); m++) {
		struct timer_look l;

		timer_world_build(&world, minors[m]);
		add(&world, 0, 40, TW_UNWAITED);
		add(&world, 1, 5, TW_WAITED);
		add(&world, 1, 2, TW_FIRED);
		for (int i = 0; i < 3; i++)
			timer_world_add(&world, 1, "time.goFunc", TW_UNWAITED, WORLD_NOW + S);
		l = look_at(&world, 0);
		assert_int_equal(l.total, 50);
		assert_int_equal(l.read, 50);
		assert_int_equal(l.torn, 0);
		assert_int_equal(l.kind[TIMER_CHANNEL], 47);
		assert_int_equal(l.kind[TIMER_FUNC], 3);
		assert_int_equal(l.waited, 5);
		assert_int_equal(l.unwaited, 40);
		assert_int_equal(l.first_ns, S);
		assert_int_equal(l.last_ns, 40 * S);
		assert_int_equal(l.span_ns, 39 * S);
		/*
		 * Go 1.22: objects of 80, 96 and 24 bytes, and a word; Go 1.26: 112, 112 and 24,
		 * and two words.
		 */
		assert_int_equal(l.unwaited_bytes, 40 * (minors[m] == 22 ? 208 : 264));
	}
}

static void tickers_are_no_channel_timers(void **state)
{
	(void)state;
	for (size_t m = 0; m < ARRAY_SIZE(minors); m++) {
		struct timer_look l;

		timer_world_build(&world, minors[m]);
		add(&world, 0, 4, TW_UNWAITED);
		timer_world_timer(&world, 0, 1, world.w.rt.layout.timer_period, 1000);
		l = look_at(&world, 0);
		assert_int_equal(l.kind[TIMER_TICKER], 1);
		assert_int_equal(l.kind[TIMER_CHANNEL], 3);
		assert_int_equal(l.unwaited, 3);
	}
}

static void stopped_ones_are_not_pending(void **state)
{
	struct timer_look l;

	(void)state;
	timer_world_build(&world, 22);
	add(&world, 0, 40, TW_UNWAITED);
	timer_world_state(&world, 0, 0, 3);	/* deleted */
	timer_world_state(&world, 0, 1, 2);	/* running */
	timer_world_state(&world, 0, 2, 77);
	l = look_at(&world, 0);
	assert_int_equal(l.stopped, 1);
	assert_int_equal(l.torn, 2);
	assert_int_equal(l.unwaited, 37);

	timer_world_build(&world, 26);
	add(&world, 0, 40, TW_UNWAITED);
	timer_world_state(&world, 0, 0, 1 | 4);	/* in the heap, and a zombie */
	timer_world_state(&world, 0, 1, 0);	/* not in the heap */
	l = look_at(&world, 0);
	assert_int_equal(l.stopped, 1);
	assert_int_equal(l.torn, 1);
	assert_int_equal(l.unwaited, 38);
}

static void a_changed_one_fires_when_it_will(void **state)
{
	struct timer_look l;

	(void)state;
	timer_world_build(&world, 22);
	add(&world, 0, 3, TW_UNWAITED);
	timer_world_state(&world, 0, 1, 8);
	timer_world_timer(&world, 0, 1, world.l.timer_nextwhen, WORLD_NOW + 500 * S);
	l = look_at(&world, 0);
	assert_int_equal(l.unwaited, 3);
	assert_int_equal(l.last_ns, 500 * S);
}

static void what_the_collector_frees_is_no_pile(void **state)
{
	struct timer_look l;

	(void)state;
	timer_world_build(&world, 26);
	add(&world, 0, 30, TW_COLLECTED);
	add(&world, 1, 2, TW_UNWAITED);
	l = look_at(&world, 0);
	assert_int_equal(l.kind[TIMER_CHANNEL], 32);
	assert_int_equal(l.unwaited, 2);
}

static void one_of_another_processor_is_torn(void **state)
{
	(void)state;
	for (size_t m = 0; m < ARRAY_SIZE(minors); m++) {
		struct timer_look l;

		timer_world_build(&world, minors[m]);
		add(&world, 0, 40, TW_UNWAITED);
		timer_world_timer(&world, 0, 3, world.l.timer_owner, TW_BASE + 0x4100);
		timer_world_timer(&world, 0, 4, world.l.timer_owner, 0);
		l = look_at(&world, 0);
		assert_int_equal(l.torn, 2);
		assert_int_equal(l.read, 38);
		assert_int_equal(l.unwaited, 38);
	}
}

static void memory_that_is_no_heap_of_timers_is_refused(void **state)
{
	(void)state;
	timer_world_build(&world, 22);
	add(&world, 0, 40, TW_UNWAITED);
	for (uint32_t i = 0; i < 21; i++)
		timer_world_timer(&world, 0, i, world.l.timer_owner, 0);
	look_at(&world, -EOPNOTSUPP);
}

static void slices_that_cannot_be_are_left_out(void **state)
{
	struct timer_look l;

	(void)state;
	timer_world_build(&world, 22);
	add(&world, 0, 10, TW_UNWAITED);
	add(&world, 1, 10, TW_UNWAITED);
	timer_world_processor(&world, 0, world.l.p_timers + 8, TW_MAX + 1);
	l = look_at(&world, 0);
	assert_int_equal(l.total, 10);
	assert_int_equal(l.unwaited, 10);

	timer_world_build(&world, 22);
	timer_world_processor(&world, 0, world.l.p_timers + 8, 1ull << 40);
	timer_world_processor(&world, 0, world.l.p_timers + 16, 1ull << 40);
	l = look_at(&world, 0);
	assert_int_equal(l.total, 0);
}

static void a_billion_timers_that_are_not_there_are_a_sample(void **state)
{
	(void)state;
	timer_world_build(&world, 26);
	add(&world, 0, 40, TW_UNWAITED);
	timer_world_processor(&world, 0, world.l.p_timers + 8, 1ull << 30);
	timer_world_processor(&world, 0, world.l.p_timers + 16, 1ull << 30);
	look_at(&world, -EOPNOTSUPP);
}

static void processors_that_cannot_be_are_an_error(void **state)
{
	(void)state;
	timer_world_build(&world, 22);
	memset(world.bytes + 8, 0xff, 8);
	look_at(&world, -EBADMSG);
}

static void channels_that_cannot_be_read_are_nobodys(void **state)
{
	struct timer_look l;

	(void)state;
	timer_world_build(&world, 22);
	add(&world, 0, 4, TW_UNWAITED);
	timer_world_timer(&world, 0, 0, world.l.timer_arg + 8, 0x1234568);
	timer_world_timer(&world, 0, 1, world.l.timer_arg + 8, 3);
	l = look_at(&world, 0);
	assert_int_equal(l.kind[TIMER_CHANNEL], 4);
	assert_int_equal(l.unwaited, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(those_that_nobody_waits_for_are_told),
		cmocka_unit_test(tickers_are_no_channel_timers),
		cmocka_unit_test(stopped_ones_are_not_pending),
		cmocka_unit_test(a_changed_one_fires_when_it_will),
		cmocka_unit_test(what_the_collector_frees_is_no_pile),
		cmocka_unit_test(one_of_another_processor_is_torn),
		cmocka_unit_test(memory_that_is_no_heap_of_timers_is_refused),
		cmocka_unit_test(slices_that_cannot_be_are_left_out),
		cmocka_unit_test(a_billion_timers_that_are_not_there_are_a_sample),
		cmocka_unit_test(processors_that_cannot_be_are_an_error),
		cmocka_unit_test(channels_that_cannot_be_read_are_nobodys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
