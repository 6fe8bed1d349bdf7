// SPDX-License-Identifier: Apache-2.0
#include "../unit.h"

#include "analysis/leak_rounds.h"

static const struct leak_rounds enough = {
	.rounds = LEAK_ROUNDS_MIN, .quiet = LEAK_ROUNDS_QUIET, .left = 3,
};

static enum verdict grade(struct leak_rounds r, const char **why)
{
	return leak_rounds_grade(&r, why);
}

static void enough_quiet_rounds_make_it_likely(void **state)
{
	const char *why;

	(void)state;
	assert_true(leak_rounds_done(&enough));
	assert_int_equal(grade(enough, &why), VERDICT_LIKELY);
	assert_null(why);
}

static void one_that_was_put_out_late_asks_for_more_rounds(void **state)
{
	struct leak_rounds r = enough;

	(void)state;
	r.quiet = LEAK_ROUNDS_QUIET - 1;
	assert_false(leak_rounds_done(&r));
	r.rounds = LEAK_ROUNDS_MIN + 5;
	assert_false(leak_rounds_done(&r));
	r = enough;
	r.rounds = LEAK_ROUNDS_MIN - 1;
	assert_false(leak_rounds_done(&r));
}

static void nobody_left_ends_it_at_once(void **state)
{
	const struct leak_rounds r = { 0 };
	const char *why;

	(void)state;
	assert_true(leak_rounds_done(&r));
	assert_int_equal(grade(r, &why), VERDICT_OK);
	assert_null(why);
}

static void every_limit_has_a_sentence(void **state)
{
	(void)state;
	for (enum leak_limit l = LEAK_LIMIT_TIME; l <= LEAK_LIMIT_COST; l++) {
		struct leak_rounds r = { .rounds = 2, .quiet = 2, .left = 1, .limit = l };
		const char *why = NULL;

		assert_true(leak_rounds_done(&r));
		assert_int_equal(grade(r, &why), VERDICT_SUSPECT);
		assert_non_null(why);
	}
}

static void a_limit_that_was_met_after_enough_rounds_takes_nothing_back(void **state)
{
	struct leak_rounds r = enough;
	const char *why;

	(void)state;
	r.limit = LEAK_LIMIT_TIME;
	assert_int_equal(grade(r, &why), VERDICT_LIKELY);
	assert_null(why);
}

static void a_heap_that_is_new_each_time_is_never_likely(void **state)
{
	struct leak_rounds r = enough;
	const char *why = NULL;

	(void)state;
	r.fast = LEAK_ROUNDS_MIN / 2 + 1;
	assert_true(leak_rounds_done(&r));
	assert_int_equal(grade(r, &why), VERDICT_SUSPECT);
	assert_non_null(why);
	/* One round of several, as after a collection, is no such heap. */
	r.fast = 1;
	assert_int_equal(grade(r, &why), VERDICT_LIKELY);
}

static void rounds_that_cannot_read_all_end_it(void **state)
{
	struct leak_rounds r = { .rounds = 1, .quiet = 1, .left = 1, .failed = LEAK_ROUNDS_FAILED };
	const char *why = NULL;

	(void)state;
	assert_false(leak_rounds_done(&r));
	r.failed++;
	assert_true(leak_rounds_done(&r));
	assert_int_equal(grade(r, &why), VERDICT_SUSPECT);
	assert_non_null(why);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(enough_quiet_rounds_make_it_likely),
		cmocka_unit_test(one_that_was_put_out_late_asks_for_more_rounds),
		cmocka_unit_test(nobody_left_ends_it_at_once),
		cmocka_unit_test(every_limit_has_a_sentence),
		cmocka_unit_test(a_limit_that_was_met_after_enough_rounds_takes_nothing_back),
		cmocka_unit_test(a_heap_that_is_new_each_time_is_never_likely),
		cmocka_unit_test(rounds_that_cannot_read_all_end_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
