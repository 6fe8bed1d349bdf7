// SPDX-License-Identifier: Apache-2.0
#include "../unit.h"

#include <errno.h>

#include "analysis/mappings.h"

enum { MIB = 1 << 20, PAGE = 4096 };

struct desk {
	struct mappings *book;
	struct arena *arena;
	double now_s;
	uint32_t seen;		/* looks */
	struct mapped_site *sites;
	size_t n;
};

static int setup(void **state)
{
	static struct desk d;

	d = (struct desk){ .book = mappings_new(), .arena = arena_new() };
	*state = &d;
	return d.book && d.arena ? 0 : -1;
}

static int teardown(void **state)
{
	struct desk *d = *state;

	mappings_free(d->book);
	arena_free(d->arena);
	return 0;
}

static void look(struct desk *d)
{
	assert_int_equal(mappings_look(d->book, d->now_s, d->seen, d->arena, &d->sites, &d->n), 0);
	d->now_s += 5;
}

static struct mapped_site of(const struct desk *d, uint64_t site)
{
	for (size_t i = 0; i < d->n; i++)
		if (d->sites[i].site == site)
			return d->sites[i];
	return (struct mapped_site){ 0 };
}

static void an_address_has_one_owner_the_latest(void **state)
{
	struct desk *d = *state;

	assert_int_equal(mappings_add(d->book, 10 * PAGE, 10 * PAGE, 1), 0);
	assert_int_equal(mappings_add(d->book, 12 * PAGE, 3 * PAGE, 2), 0);
	assert_int_equal(mappings_add(d->book, 19 * PAGE, 2 * PAGE, 3), 0);
	look(d);
	assert_int_equal(of(d, 1).bytes, 6 * PAGE);
	assert_int_equal(of(d, 2).bytes, 3 * PAGE);
	assert_int_equal(of(d, 3).bytes, 2 * PAGE);
	assert_int_equal(mappings_cut(d->book, 0, 14 * PAGE), 0);
	look(d);
	assert_int_equal(of(d, 1).bytes, 4 * PAGE);
	assert_int_equal(of(d, 2).bytes, PAGE);
	assert_int_equal(mappings_cut(d->book, 0, 100 * PAGE), 0);
	look(d);
	assert_int_equal(d->n, 0);
}

static void a_hole_in_the_middle_leaves_both_ends(void **state)
{
	struct desk *d = *state;

	mappings_add(d->book, 10 * PAGE, 10 * PAGE, 1);
	mappings_cut(d->book, 14 * PAGE, 2 * PAGE);
	mappings_fill(d->book, 8 * PAGE, 20 * PAGE, 2);
	look(d);
	assert_int_equal(of(d, 1).bytes, 8 * PAGE);
	assert_int_equal(of(d, 2).bytes, 12 * PAGE);
}

static void what_is_not_in_the_maps_is_gone(void **state)
{
	const struct address_range maps[] = { { 0, 11 * PAGE }, { 11 * PAGE, 12 * PAGE },
					      { 15 * PAGE, 18 * PAGE } };
	struct desk *d = *state;

	mappings_add(d->book, 10 * PAGE, 10 * PAGE, 1);
	mappings_add(d->book, 50 * PAGE, PAGE, 2);
	assert_int_equal(mappings_verify(d->book, maps, 3), 0);
	look(d);
	assert_int_equal(of(d, 1).bytes, 5 * PAGE);
	assert_int_equal(d->n, 1);
	assert_int_equal(mappings_verify(d->book, NULL, 0), 0);
	look(d);
	assert_int_equal(d->n, 0);
}

static void ranges_that_no_process_has_are_left_out(void **state)
{
	struct desk *d = *state;

	assert_int_equal(mappings_add(d->book, UINT64_MAX - 5, PAGE, 1), 0);
	assert_int_equal(mappings_add(d->book, PAGE, UINT64_MAX, 1), 0);
	assert_int_equal(mappings_add(d->book, PAGE, 0, 1), 0);
	assert_int_equal(mappings_cut(d->book, UINT64_MAX, UINT64_MAX), 0);
	assert_int_equal(mappings_fill(d->book, UINT64_MAX, 7, 1), 0);
	assert_int_equal(mappings_move(d->book, 0, UINT64_MAX, 5), 0);
	look(d);
	assert_int_equal(d->n, 0);
}

static void a_site_that_only_maps_grows(void **state)
{
	struct desk *d = *state;
	struct mapped_site s;

	for (uint64_t i = 0; i < 6; i++) {
		assert_false(of(d, 7).grows);
		mappings_add(d->book, i * 2 * MIB, MIB, 7);
		look(d);
	}
	s = of(d, 7);
	assert_true(s.grows);
	assert_int_equal(s.bytes, 6 * MIB);
	assert_int_equal(s.calls, 6);
	assert_int_equal(s.grown, 5 * MIB);
	assert_true(s.bytes_per_min == 12 * MIB && s.window_s == 25 && s.age_s == 15);
	assert_int_equal(s.then, 3 * MIB);
	assert_int_equal(s.stayed, s.then);
}

static void a_look_between_two_calls_takes_nothing_back(void **state)
{
	struct desk *d = *state;

	for (uint64_t i = 0; i < 6; i++) {
		mappings_add(d->book, i * 2 * MIB, MIB, 7);
		look(d);
	}
	for (int i = 0; i < 3; i++) {
		look(d);
		assert_true(of(d, 7).grows);
	}
	look(d);
	assert_false(of(d, 7).grows);
	mappings_add(d->book, 20 * MIB, 2 * MIB, 7);
	look(d);
	assert_true(of(d, 7).grows);
	mappings_cut(d->book, 0, 3 * MIB);
	look(d);
	assert_false(of(d, 7).grows);
}

static void a_time_without_sight_is_no_pause(void **state)
{
	struct desk *d = *state;

	mappings_add(d->book, 0, 4 * MIB, 7);
	for (uint64_t i = 0; i < 18; i++) {
		d->seen = i < 8 ? 0 : (uint32_t)i - 8;
		if (i >= 8)
			mappings_add(d->book, (i + 1) * 8 * MIB, MIB, 7);
		look(d);
		assert_true(of(d, 7).grows == (i >= 13));
	}
	/* From the look at 40 s on, the last before all was seen. */
	assert_true(of(d, 7).window_s == 45 && of(d, 7).bytes_per_min == 12 * MIB);
}

static void slow_growth_is_seen_in_the_whole_run(void **state)
{
	struct desk *d = *state;

	for (uint64_t i = 0; i < 300; i++) {
		if (i % 30 == 0)
			mappings_add(d->book, i * MIB, MIB / 2, 7);
		look(d);
	}
	mappings_add(d->book, 400 * MIB, MIB / 2, 7);
	look(d);
	assert_true(of(d, 7).grows);
	assert_true(of(d, 7).window_s > 500);
}

static void a_pool_that_fills_does_not_grow(void **state)
{
	struct desk *d = *state;

	for (uint64_t i = 0; i < 40; i++) {
		if (i < 4)
			mappings_add(d->book, i * 64 * MIB, 64 * MIB, 1);
		/* And a cache that takes ever less. */
		mappings_add(d->book, (5000 + i * 100) * MIB, (100 >> (i < 20 ? i / 2 : 20)) * MIB,
			     2);
		look(d);
		assert_false(of(d, 1).grows || (of(d, 2).grows));
	}
}

static void what_is_given_back_does_not_grow(void **state)
{
	struct desk *d = *state;

	/* A level that is held: as much comes as goes. */
	for (uint64_t i = 0; i < 60; i++) {
		mappings_add(d->book, i * 8 * MIB, 8 * MIB, 1);
		if (i >= 3)
			mappings_cut(d->book, (i - 3) * 8 * MIB, 8 * MIB);
		look(d);
		assert_false(of(d, 1).grows);
	}
}

static void a_higher_level_of_what_comes_and_goes_is_no_survivor(void **state)
{
	struct desk *d = *state;
	uint64_t from = 0, to = 0;

	/* Ever more is there, and none of it for long. */
	for (uint64_t i = 0; i < 20; i++) {
		mappings_cut(d->book, from * MIB, (to - from) * MIB);
		from = to;
		to = from + 4 * (i + 1);
		mappings_add(d->book, from * MIB, (to - from) * MIB, 1);
		look(d);
		assert_false(of(d, 1).grows);
	}
	assert_int_equal(of(d, 1).bytes, 80 * MIB);
}

static void a_buffer_that_moves_keeps_its_age(void **state)
{
	struct desk *d = *state;

	mappings_add(d->book, 1000 * MIB, MIB, 1);
	for (uint64_t i = 1; i < 9; i++) {
		uint64_t from = i % 2 ? 1000 * MIB : 500 * MIB, to = 1500 * MIB - from;

		look(d);
		assert_int_equal(mappings_move(d->book, from, i * MIB, to), 0);
		mappings_fill(d->book, to, (i + 1) * MIB, 2);
	}
	look(d);
	assert_int_equal(of(d, 1).bytes, MIB);
	assert_int_equal(of(d, 2).bytes, 8 * MIB);
	assert_true(of(d, 2).grows);
	assert_false(of(d, 1).grows);
}

static void a_full_book_counts_what_it_leaves_out(void **state)
{
	struct desk *d = *state;
	int r = 0;

	for (uint64_t i = 0; r == 0 && i < 1 << 20; i++)
		r = mappings_add(d->book, i * 2 * PAGE, PAGE, i % 5000);
	assert_int_equal(r, -ENOSPC);
	assert_int_equal(mappings_lost(d->book), 1);
	look(d);
	assert_true(d->n > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		T(an_address_has_one_owner_the_latest),
		T(a_hole_in_the_middle_leaves_both_ends),
		T(what_is_not_in_the_maps_is_gone),
		T(ranges_that_no_process_has_are_left_out),
		T(a_site_that_only_maps_grows),
		T(a_look_between_two_calls_takes_nothing_back),
		T(a_time_without_sight_is_no_pause),
		T(slow_growth_is_seen_in_the_whole_run),
		T(a_pool_that_fills_does_not_grow),
		T(what_is_given_back_does_not_grow),
		T(a_higher_level_of_what_comes_and_goes_is_no_survivor),
		T(a_buffer_that_moves_keeps_its_age),
		T(a_full_book_counts_what_it_leaves_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
