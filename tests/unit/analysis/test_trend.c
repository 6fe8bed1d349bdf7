// SPDX-License-Identifier: Apache-2.0
#include "../unit.h"

#include "analysis/trend.h"

#define MIB (1ull << 20)

/* Each look 5 s after the last; the verdict of the last look, and whether any said so. */
struct run {
	struct trend_history *h;
	struct trend last;
	double t;
	unsigned int said;
};

static struct run begin(const struct trend_rule *rule)
{
	struct run r = { .h = trend_new(rule) };

	assert_non_null(r.h);
	return r;
}

static void look(struct run *r, uint64_t value)
{
	trend_add(r->h, r->t, value, &r->last);
	r->t += 5;
	r->said += r->last.grows;
}

static void what_rises_all_the_time_grows_with_its_rate(void **state)
{
	struct run r = begin(&trend_of_threads);

	(void)state;
	for (uint64_t i = 0; i < 6; i++) {
		look(&r, 10 + 2 * i);
		assert_int_equal(r.last.grows, i == 5);
	}
	assert_int_equal(r.last.now, 20);
	assert_int_equal(r.last.delta, 2);
	assert_true(r.last.rate_per_min > 23.9 && r.last.rate_per_min < 24.1);
	assert_true(r.last.window_s > 24.9 && r.last.window_s < 25.1);
	trend_free(r.h);
}

static void the_first_look_says_no_change(void **state)
{
	struct run r = begin(&trend_of_rss);

	(void)state;
	look(&r, 100 * MIB);
	assert_true(r.last.known);
	assert_int_equal(r.last.delta, 0);
	assert_true(r.last.window_s == 0);
	trend_free(r.h);
}

static void a_steady_figure_does_not_grow(void **state)
{
	struct run r = begin(&trend_of_rss);

	(void)state;
	for (unsigned int i = 0; i < 200; i++)
		look(&r, (400 + i % 7) * MIB);
	assert_int_equal(r.said, 0);
	trend_free(r.h);
}

static void a_pool_that_fills_once_is_not_said_to_grow(void **state)
{
	struct run r = begin(&trend_of_threads);

	(void)state;
	for (unsigned int i = 0; i < 100; i++)
		look(&r, i < 4 ? 4 + 16 * i : 64);
	assert_int_equal(r.said, 0);
	trend_free(r.h);
}

static void a_burst_that_drains_is_not_said_to_grow(void **state)
{
	struct run r = begin(&trend_of_threads);

	(void)state;
	for (unsigned int i = 0; i < 100; i++)
		look(&r, i % 10 < 4 ? 8 + 30 * (i % 10) : 8);
	assert_int_equal(r.said, 0);
	trend_free(r.h);
}

/* Each step smaller than the one before: a cache that warms up. */
static void a_cache_that_warms_up_is_not_said_to_grow(void **state)
{
	struct run r = begin(&trend_of_rss);
	double left = 500;

	(void)state;
	for (unsigned int i = 0; i < 100; i++, left *= 0.8)
		look(&r, 100 * MIB + (uint64_t)((500 - left) * MIB));
	assert_int_equal(r.said, 0);
	trend_free(r.h);
}

/* Up for seven looks, and then down to where it began: a collected heap. */
static void what_is_collected_in_between_does_not_grow(void **state)
{
	struct run r = begin(&trend_of_rss);

	(void)state;
	for (unsigned int i = 0; i < 300; i++)
		look(&r, (200 + 20 * (i % 7)) * MIB);
	assert_int_equal(r.said, 0);
	trend_free(r.h);
}

/* The same, and each time a bit is left. */
static void a_collected_heap_that_leaks_grows_in_the_end(void **state)
{
	struct run r = begin(&trend_of_rss);

	(void)state;
	for (unsigned int i = 0; i < 400; i++)
		look(&r, (200 + 2 * (i % 5) + 3 * i) * MIB);
	assert_true(r.said > 0);
	trend_free(r.h);
}

static void a_little_of_much_is_not_growth(void **state)
{
	struct run r = begin(&trend_of_rss);

	(void)state;
	/* 24 looks are 12 MiB of 4 GiB: less than a 50th. */
	for (unsigned int i = 0; i < 25; i++)
		look(&r, 4096 * MIB + i * MIB / 2);
	assert_int_equal(r.said, 0);
	trend_free(r.h);
}

static void a_slow_leak_is_seen_in_the_whole_run(void **state)
{
	struct run r = begin(&trend_of_rss);

	(void)state;
	/* 128 KiB a look: 3 MiB in the recent window. */
	for (unsigned int i = 0; i < 300; i++)
		look(&r, 64 * MIB + i * MIB / 8);
	assert_true(r.last.grows);
	assert_true(r.last.window_s > 1000);
	trend_free(r.h);
}

static void growth_that_has_ended_is_said_no_more(void **state)
{
	struct run r = begin(&trend_of_threads);

	(void)state;
	for (unsigned int i = 0; i < 20; i++)
		look(&r, 10 + 3 * i);
	assert_true(r.last.grows);
	for (unsigned int i = 0; i < 12; i++)
		look(&r, 67);
	assert_false(r.last.grows);
	trend_free(r.h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_rises_all_the_time_grows_with_its_rate),
		cmocka_unit_test(the_first_look_says_no_change),
		cmocka_unit_test(a_steady_figure_does_not_grow),
		cmocka_unit_test(a_pool_that_fills_once_is_not_said_to_grow),
		cmocka_unit_test(a_burst_that_drains_is_not_said_to_grow),
		cmocka_unit_test(a_cache_that_warms_up_is_not_said_to_grow),
		cmocka_unit_test(what_is_collected_in_between_does_not_grow),
		cmocka_unit_test(a_collected_heap_that_leaks_grows_in_the_end),
		cmocka_unit_test(a_little_of_much_is_not_growth),
		cmocka_unit_test(a_slow_leak_is_seen_in_the_whole_run),
		cmocka_unit_test(growth_that_has_ended_is_said_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
