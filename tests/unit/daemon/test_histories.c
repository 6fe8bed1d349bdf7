// SPDX-License-Identifier: Apache-2.0
#include "daemon/histories.h"

#include <stdlib.h>

#include "../unit.h"

static const struct node_point first[] = { { 0, 100, 1 }, { 60, 200, 2 } };
static const struct node_point second[] = { { 60, 7, 0 } };
static const struct node_history histories[] = { { first, 2 }, { second, 1 } };
static const struct node_process processes[] = {
	{ .pid = 4, .start_time = 40, .history = &histories[0] },
	{ .pid = 5, .start_time = 50 },
	{ .pid = 6, .start_time = 60, .history = &histories[1] },
};
static const struct node_look look = { .all = processes, .n = 3 };

static void assert_points(struct histories *h, int pid, uint64_t start, uint32_t n, uint64_t rss)
{
	struct node_point *points = NULL;
	uint32_t got = 77;

	assert_int_equal(histories_get(h, pid, start, &points, &got), 0);
	assert_int_equal(got, n);
	if (n)
		assert_int_equal(points[n - 1].rss_bytes, rss);
	else
		assert_null(points);
	free(points);
}

static void each_process_has_its_own(void **state)
{
	CLEANUP(histories_free_p) struct histories *h = histories_new();

	(void)state;
	assert_int_equal(histories_put(h, &look), 0);
	assert_points(h, 4, 40, 2, 200);
	assert_points(h, 6, 60, 1, 7);
}

static void who_is_not_known_has_none(void **state)
{
	CLEANUP(histories_free_p) struct histories *h = histories_new();

	(void)state;
	assert_points(h, 4, 40, 0, 0);
	assert_int_equal(histories_put(h, &look), 0);
	assert_points(h, 5, 50, 0, 0);
	/* The pid of another. */
	assert_points(h, 4, 41, 0, 0);
}

static void the_next_look_takes_the_place_of_the_last(void **state)
{
	CLEANUP(histories_free_p) struct histories *h = histories_new();
	const struct node_look later = { .all = &processes[2], .n = 1 };

	(void)state;
	assert_int_equal(histories_put(h, &look), 0);
	assert_int_equal(histories_put(h, &later), 0);
	assert_points(h, 4, 40, 0, 0);
	assert_points(h, 6, 60, 1, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_process_has_its_own),
		cmocka_unit_test(who_is_not_known_has_none),
		cmocka_unit_test(the_next_look_takes_the_place_of_the_last),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
