// SPDX-License-Identifier: Apache-2.0
/* Whose turn it is: a machine of processes, by a clock of the test's own. */
#include "../unit.h"

#include "analysis/turns.h"

enum { MANY = 600 };

static const struct turns_rule rule = { .interval_s = 60, .budget_ms = 10 };

/* Looks at whatever is due, in steps of a turn; each look has `news`. Looks that were had. */
static uint32_t run(struct turn *all, uint32_t n, double from, double to, enum turns_news news,
		    bool may_rest, uint32_t *ret_most)
{
	uint32_t looks = 0, most = 0;

	for (double now = from; now < to; now += turns_step_s(&rule)) {
		uint32_t at_once = 0;

		for (uint32_t i = 0; i < n; i++) {
			if (turns_late(&all[i], &rule, now) < 0)
				continue;
			turns_looked(&all[i], &rule, now, news, may_rest, 1);
			at_once++;
		}
		looks += at_once;
		if (now > from + 2 * rule.interval_s && at_once > most)
			most = at_once;
	}
	if (ret_most)
		*ret_most = most;
	return looks;
}

static void begin(struct turn *all, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		turns_begin(&all[i], &rule, 4000 + i, 0);
}

static void all_have_a_look_in_each_interval_and_not_at_once(void **state)
{
	static struct turn all[MANY];
	uint32_t most, looks;

	(void)state;
	begin(all, MANY);
	looks = run(all, MANY, 0, 3600, TURNS_MOVES, false, &most);
	assert_in_range(looks, 58 * MANY, 62 * MANY);
	/* Twelve turns in an interval. */
	assert_true(most <= MANY / 12 * 2);
}

static void a_quiet_one_comes_seldom_and_four_intervals_at_most(void **state)
{
	struct turn t;
	uint32_t looks;

	(void)state;
	turns_begin(&t, &rule, 7, 0);
	looks = run(&t, 1, 0, 7200, TURNS_NOTHING, true, NULL);
	assert_in_range(looks, 28, 36);
	assert_true(turns_interval_s(&t, &rule) == 240);
	/* One in which something may rise unseen is never left that long. */
	turns_begin(&t, &rule, 7, 0);
	looks = run(&t, 1, 0, 7200, TURNS_NOTHING, false, NULL);
	assert_in_range(looks, 56, 68);
}

static void one_that_rises_comes_often_and_only_while_it_does(void **state)
{
	struct turn t;

	(void)state;
	turns_begin(&t, &rule, 7, 0);
	turns_looked(&t, &rule, 60, TURNS_RISES, false, 1);
	assert_true(turns_interval_s(&t, &rule) == 15);
	assert_true(t.due_s == 75);
	for (unsigned int i = 1; i <= TURNS_HEAT; i++)
		turns_looked(&t, &rule, 60 + 15 * i, TURNS_MOVES, false, 1);
	assert_true(turns_interval_s(&t, &rule) == 60);
}

/* What the engine promises: seven looks inside three intervals, whenever it begins. */
static void growth_has_its_looks_within_three_intervals(void **state)
{
	(void)state;
	for (double begins = 600; begins < 900; begins += 1.7) {
		struct turn t;
		unsigned int looks = 0;

		turns_begin(&t, &rule, (uint64_t)(begins * 10), 0);
		for (double now = 0; now < begins + 180; now += turns_step_s(&rule)) {
			bool leaks = now >= begins;

			if (now >= t.glance_s)
				turns_glanced(&t, &rule, now, leaks ? TURNS_RISES : TURNS_NOTHING);
			if (turns_late(&t, &rule, now) < 0)
				continue;
			turns_looked(&t, &rule, now, leaks ? TURNS_RISES : TURNS_NOTHING, true, 1);
			looks += leaks;
		}
		assert_true(looks >= 7);
	}
}

static void a_glance_ends_the_quiet_at_once(void **state)
{
	struct turn t;

	(void)state;
	turns_begin(&t, &rule, 7, 0);
	run(&t, 1, 0, 1200, TURNS_NOTHING, true, NULL);
	turns_glanced(&t, &rule, 1200, TURNS_MOVES);
	assert_true(t.due_s <= 1200 + 60);
	assert_true(turns_interval_s(&t, &rule) == 60);
	turns_glanced(&t, &rule, 1215, TURNS_RISES);
	assert_true(t.due_s <= 1215 + 15);
}

static void what_is_dear_is_looked_at_as_its_share_allows(void **state)
{
	struct turn t;

	(void)state;
	turns_begin(&t, &rule, 7, 0);
	turns_looked(&t, &rule, 60, TURNS_MOVES, false, 300);
	assert_true(turns_interval_s(&t, &rule) == 120);
	/* A quarter of the budget; three of them when it rises. */
	turns_looked(&t, &rule, 180, TURNS_RISES, false, 300);
	assert_true(turns_interval_s(&t, &rule) == 40);
}

static void a_look_that_does_not_come_is_told_once(void **state)
{
	struct turn t;

	(void)state;
	turns_begin(&t, &rule, 7, 0);
	turns_looked(&t, &rule, 100, TURNS_MOVES, false, 1);
	assert_int_equal(turns_missed(&t, &rule, 200), 0);
	assert_int_equal(turns_missed(&t, &rule, 225), 1);
	assert_int_equal(turns_missed(&t, &rule, 230), 0);
	assert_int_equal(turns_missed(&t, &rule, 285), 1);
	assert_int_equal(turns_missed(&t, &rule, 100 + 60 * 10.5), 7);
	turns_looked(&t, &rule, 1000, TURNS_MOVES, false, 1);
	assert_int_equal(turns_missed(&t, &rule, 1060), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_have_a_look_in_each_interval_and_not_at_once),
		cmocka_unit_test(a_quiet_one_comes_seldom_and_four_intervals_at_most),
		cmocka_unit_test(one_that_rises_comes_often_and_only_while_it_does),
		cmocka_unit_test(growth_has_its_looks_within_three_intervals),
		cmocka_unit_test(a_glance_ends_the_quiet_at_once),
		cmocka_unit_test(what_is_dear_is_looked_at_as_its_share_allows),
		cmocka_unit_test(a_look_that_does_not_come_is_told_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
