// SPDX-License-Identifier: Apache-2.0
#include "../unit.h"

#include "analysis/node_points.h"

static void run(struct node_points *p, double until)
{
	for (double t = 0; t <= until; t += 15)
		assert_int_equal(node_points_add(p, 15, &(struct node_point){
			.elapsed_s = t, .rss_bytes = (uint64_t)t, .goroutines = 3 }), 0);
}

static void a_day_fits_and_both_ends_are_there(void **state)
{
	struct node_points p = { 0 };

	(void)state;
	run(&p, 86400);
	assert_in_range(p.n, NODE_POINTS / 2, NODE_POINTS);
	assert_true(p.all[0].elapsed_s == 0);
	assert_true(p.all[p.n - 1].elapsed_s == 86400);
	for (uint32_t i = 1; i < p.n; i++)
		assert_true(p.all[i].elapsed_s > p.all[i - 1].elapsed_s);
	/* No hole is more than a few gaps wide. */
	for (uint32_t i = 1; i < p.n; i++)
		assert_true(p.all[i].elapsed_s - p.all[i - 1].elapsed_s <= 2 * p.gap_s);
	node_points_done(&p);
}

static void a_few_points_take_little_room(void **state)
{
	struct node_points p = { 0 };

	(void)state;
	run(&p, 30);
	assert_int_equal(p.n, 3);
	assert_true(p.room <= 8);
	/* Two that are too near: the newer one stands. */
	assert_int_equal(node_points_add(&p, 15, &(struct node_point){ .elapsed_s = 31 }), 0);
	assert_int_equal(node_points_add(&p, 15, &(struct node_point){ .elapsed_s = 32 }), 0);
	assert_true(p.n <= 4);
	assert_true(p.all[p.n - 1].elapsed_s == 32);
	node_points_done(&p);
	assert_int_equal(p.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_day_fits_and_both_ends_are_there),
		cmocka_unit_test(a_few_points_take_little_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
