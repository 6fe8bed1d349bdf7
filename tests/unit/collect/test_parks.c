// SPDX-License-Identifier: Apache-2.0
#include "collect/parks.h"

#include "model/limits.h"

#include "../unit.h"

static struct go_g parked(void)
{
	return (struct go_g){ .addr = 0xc000001000, .slot = 5000, .goid = 7, .state = GO_WAITING,
			      .stack_lo = 0x10000, .stack_hi = 0x12000, .sp = 0x11f00,
			      .waitreason = 3, .tracking_seq = 9 };
}

static void the_very_park_is_known_again(void **state)
{
	struct parks p = { 0 };
	struct go_g g = parked();

	(void)state;
	assert_null(parks_find(&p, &g, 0));
	assert_non_null(parks_note(&p, &g, 0, 2, 11, 0));
	assert_non_null(parks_find(&p, &g, 0));
	assert_int_equal(parks_find(&p, &g, 0)->group, 2);
	/* The collector moves a stack; what is on it stays as deep as it was. */
	g.stack_lo += 0x5000;
	g.stack_hi += 0x5000;
	g.sp += 0x5000;
	assert_non_null(parks_find(&p, &g, 0));
	parks_done(&p);
}

static void anything_else_is_not(void **state)
{
	struct parks p = { 0 };
	struct go_g g = parked(), other;

	(void)state;
	assert_non_null(parks_note(&p, &g, 0, 2, 11, 0));
	other = g, other.goid++;
	assert_null(parks_find(&p, &other, 0));
	other = g, other.tracking_seq++;
	assert_null(parks_find(&p, &other, 0));
	other = g, other.waitreason++;
	assert_null(parks_find(&p, &other, 0));
	other = g, other.state = GO_RUNNABLE;
	assert_null(parks_find(&p, &other, 0));
	other = g, other.sp -= 16;
	assert_null(parks_find(&p, &other, 0));
	other = g, other.slot++;
	assert_null(parks_find(&p, &other, 0));
	other = g, other.slot = LIMIT_GOROUTINES;
	assert_null(parks_find(&p, &other, 0));
	assert_null(parks_note(&p, &other, 0, 0, 1, 0));
	parks_forget_groups(&p);
	assert_null(parks_find(&p, &g, 0));
	parks_done(&p);
}

static void a_site_outlasts_a_wake_up_and_a_park_does_not(void **state)
{
	struct parks p = { 0 };
	struct go_g g = parked();
	const struct park *e;

	(void)state;
	parks_note(&p, &g, 0, 2, 11, 4);
	g.state = GO_RUNNING;
	parks_note(&p, &g, 0, 3, 99, 5);
	g.state = GO_WAITING;
	g.tracking_seq++;
	e = parks_note(&p, &g, 0, 2, 11, 6);
	assert_int_equal(e->at_site, 4);
	assert_int_equal(e->parked, 6);
	/* Somewhere else, it has just come. */
	g.tracking_seq++;
	e = parks_note(&p, &g, 0, 8, 12, 7);
	assert_int_equal(e->at_site, 7);
	/* And so has another goroutine that got the same struct. */
	g.goid = 1000;
	e = parks_note(&p, &g, 0, 8, 12, 8);
	assert_int_equal(e->at_site, 8);
	assert_int_equal(e->parked, 8);
	parks_done(&p);
}

static void who_is_awake_for_a_moment_has_not_left(void **state)
{
	struct parks p = { 0 };
	struct go_g g = parked();
	const struct park *e;

	(void)state;
	/* Nobody knows yet where this one is at home. */
	g.state = GO_RUNNING;
	assert_false(parks_note(&p, &g, 0, 3, 99, 3)->awake);
	g.state = GO_WAITING;
	assert_false(parks_note(&p, &g, 0, 2, 11, 4)->awake);
	g.state = GO_RUNNABLE;
	e = parks_note(&p, &g, 0, 3, 99, 5);
	assert_true(e->awake);
	assert_int_equal(e->group, 2);
	assert_int_equal(e->site, 11);
	assert_int_equal(e->at_site, 4);
	/* Twice is more than a moment. */
	g.state = GO_RUNNING;
	assert_false(parks_note(&p, &g, 0, 3, 99, 6)->awake);
	g.state = GO_WAITING;
	g.tracking_seq++;
	assert_false(parks_note(&p, &g, 0, 2, 11, 7)->awake);
	parks_done(&p);
}

static void a_call_is_told_from_the_next_one(void **state)
{
	struct parks p = { 0 };
	struct go_g g = parked();

	(void)state;
	g.state = GO_SYSCALL;
	parks_note(&p, &g, 70, 2, 11, 4);
	assert_non_null(parks_find(&p, &g, 70));
	assert_null(parks_find(&p, &g, 71));
	assert_int_equal(parks_note(&p, &g, 71, 2, 11, 5)->parked, 5);
	assert_int_equal(parks_note(&p, &g, 71, 2, 11, 6)->parked, 5);
	assert_int_equal(parks_note(&p, &g, 71, 2, 11, 6)->at_site, 4);
	parks_done(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_very_park_is_known_again),
		cmocka_unit_test(anything_else_is_not),
		cmocka_unit_test(a_site_outlasts_a_wake_up_and_a_park_does_not),
		cmocka_unit_test(who_is_awake_for_a_moment_has_not_left),
		cmocka_unit_test(a_call_is_told_from_the_next_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
