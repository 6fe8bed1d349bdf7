// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "native/c_ranges.h"

static struct arena *arena;
static const struct c_range *all;
static size_t n;

static int setup(void **state)
{
	(void)state;
	arena = arena_new();
	return !arena;
}

static int teardown(void **state)
{
	(void)state;
	arena_free(arena);
	return 0;
}

static void take(struct c_ranges *r)
{
	assert_int_equal(c_ranges_take(r, arena, &all, &n), 0);
}

static uint64_t sum(uint64_t start, uint64_t end, enum c_range_kind kind)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < n; i++) {
		uint64_t a = all[i].start > start ? all[i].start : start;
		uint64_t b = all[i].end < end ? all[i].end : end;

		if (all[i].kind == kind && b > a)
			bytes += b - a;
	}
	return bytes;
}

static void neighbours_of_a_kind_are_one(void **state)
{
	CLEANUP(c_ranges_free_p) struct c_ranges *r = c_ranges_new(0);

	(void)state;
	c_ranges_add(r, 0x1000, 0x1020, C_RANGE_USED);
	c_ranges_add(r, 0x1020, 0x1050, C_RANGE_USED);
	c_ranges_add(r, 0x1050, 0x1060, C_RANGE_FREE);
	c_ranges_add(r, 0x1060, 0x1060, C_RANGE_USED);
	take(r);
	assert_int_equal(n, 2);
	assert_true(all[0].start == 0x1000 && all[0].end == 0x1050 && all[1].end == 0x1060);
}

static void runs_are_sorted_and_overlaps_cut(void **state)
{
	CLEANUP(c_ranges_free_p) struct c_ranges *r = c_ranges_new(0);

	(void)state;
	c_ranges_add(r, 0x9000, 0xa000, C_RANGE_MMAPPED);
	c_ranges_flush(r);
	c_ranges_add(r, 0x1000, 0x9800, C_RANGE_USED);
	/* One that does not ascend finds no place. */
	c_ranges_add(r, 0x2000, 0x2010, C_RANGE_FREE);
	take(r);
	assert_int_equal(n, 2);
	assert_true(all[0].end == 0x9800 && all[1].start == 0x9800 && all[1].end == 0xa000);
	assert_int_equal(c_ranges_lost(r), 0x10);
}

/* Pieces of odd sizes over many pages: more than are kept, so that only the sums a page are. */
static void beyond_the_limit_each_page_keeps_its_sums(void **state)
{
	enum { PIECES = 40000, LIMIT = 2048 };
	CLEANUP(c_ranges_free_p) struct c_ranges *exact = c_ranges_new(PIECES);
	CLEANUP(c_ranges_free_p) struct c_ranges *r = c_ranges_new(LIMIT);
	static uint64_t want[3][1024];
	uint64_t at = 0x10010, end;

	(void)state;
	for (unsigned int i = 0; i < PIECES; i++) {
		end = at + 16 + 16 * (i * 7919 % 11) + (i % 977 == 0 ? 20000 : 0);
		assert_int_equal(c_ranges_add(exact, at, end, i % 3), 0);
		assert_int_equal(c_ranges_add(r, at, end, i % 3), 0);
		at = end;
	}
	take(exact);
	assert_true(n > LIMIT);
	for (unsigned int k = 0; k < 3; k++)
		for (uint64_t p = 0; p < 1024; p++)
			want[k][p] = sum(0x10000 + p * 4096, 0x11000 + p * 4096, k);
	take(r);
	assert_true(c_ranges_by_page(r) && c_ranges_lost(r) == 0 && n <= LIMIT);
	for (unsigned int k = 0; k < 3; k++)
		for (uint64_t p = 0; p < 1024; p++)
			assert_int_equal(want[k][p],
					 sum(0x10000 + p * 4096, 0x11000 + p * 4096, k));
}

static void what_finds_no_place_at_all_is_counted(void **state)
{
	CLEANUP(c_ranges_free_p) struct c_ranges *r = c_ranges_new(16);
	uint64_t known = 0;

	(void)state;
	for (uint64_t i = 0; i < 100; i++)
		c_ranges_add(r, i * 4096, i * 4096 + 32, i % 3);
	take(r);
	for (size_t i = 0; i < n; i++)
		known += all[i].end - all[i].start;
	assert_true(n == 16);
	assert_int_equal(known + c_ranges_lost(r), 100 * 32);
}

static void a_mark_brings_back_what_was(void **state)
{
	CLEANUP(c_ranges_free_p) struct c_ranges *r = c_ranges_new(0);
	struct c_ranges_mark m;

	(void)state;
	c_ranges_add(r, 0x1000, 0x1020, C_RANGE_USED);
	m = c_ranges_mark(r);
	c_ranges_add(r, 0x1020, 0x1080, C_RANGE_USED);
	c_ranges_add(r, 0x1080, 0x2000, C_RANGE_FREE);
	c_ranges_flush(r);
	assert_true(c_ranges_back(r, &m));
	c_ranges_add(r, 0x1020, 0x1040, C_RANGE_FREE);
	take(r);
	assert_int_equal(n, 2);
	assert_true(all[0].end == 0x1020 && all[1].end == 0x1040 && all[1].kind == C_RANGE_FREE);
}

static void past_the_limit_there_is_no_way_back(void **state)
{
	CLEANUP(c_ranges_free_p) struct c_ranges *r = c_ranges_new(4);
	struct c_ranges_mark m = c_ranges_mark(r);

	(void)state;
	for (uint64_t i = 0; i < 8; i++)
		c_ranges_add(r, i * 16, i * 16 + 16, i % 2);
	assert_false(c_ranges_back(r, &m));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(neighbours_of_a_kind_are_one),
		cmocka_unit_test(runs_are_sorted_and_overlaps_cut),
		cmocka_unit_test(beyond_the_limit_each_page_keeps_its_sums),
		cmocka_unit_test(what_finds_no_place_at_all_is_counted),
		cmocka_unit_test(a_mark_brings_back_what_was),
		cmocka_unit_test(past_the_limit_there_is_no_way_back),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
