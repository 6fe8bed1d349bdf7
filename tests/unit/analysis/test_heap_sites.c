// SPDX-License-Identifier: Apache-2.0
#include "../unit.h"

#include <stdlib.h>

#include "analysis/heap_sites.h"
#include "base/cleanup.h"

static const uint32_t stack_a[] = { 0, 1, 2 }, stack_b[] = { 3, 2 };

static void a_sample_is_scaled_as_runtime_pprof_scales_it(void **state)
{
	/* By runtime/pprof's scaleHeapSample(). */
	static const struct {
		uint64_t count, size;
		int64_t rate, objects, bytes;
	} rows[] = {
		{ 1, 524288, 524288, 1, 829411 },
		{ 3, 64, 524288, 24577, 1572960 },
		{ 1000, 16, 524288, 32768500, 524296000 },
		{ 2, 1048576, 524288, 2, 2425393 },
		{ 7, 4096, 1, 7, 28672 },
		{ 7, 4096, 0, 7, 28672 },
		{ 0, 4096, 524288, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct heap_profile p = { .rate = rows[i].rate };
		const struct heap_site s = { .object_bytes = rows[i].size,
					     .allocs = rows[i].count + 2,
					     .frees = 2 };
		struct heap_estimate e = heap_site_estimate(&p, &s);

		assert_int_equal(e.inuse_objects, rows[i].objects);
		assert_int_equal(e.inuse_bytes, rows[i].bytes);
	}
}

static void absurd_numbers_do_not_overflow(void **state)
{
	const struct heap_site sites[] = {
		{ .object_bytes = 1, .allocs = 1ull << 52 },
		{ .object_bytes = 1, .allocs = 1ull << 52 },
	};
	const struct heap_profile p = { .rate = INT64_MAX, .sites = sites, .n_sites = 2 };
	struct heap_estimate e = heap_profile_estimate(&p);

	(void)state;
	assert_int_equal(e.alloc_objects, INT64_MAX);
	assert_int_equal(e.inuse_bytes, INT64_MAX);
}

static void sizes_of_one_stack_are_one_site(void **state)
{
	const struct heap_site sites[] = {
		{ .frames = stack_a, .n_frames = 3, .object_bytes = 10, .allocs = 5, .frees = 5 },
		{ .frames = stack_b, .n_frames = 2, .object_bytes = 100, .allocs = 4 },
		{ .frames = stack_a, .n_frames = 3, .object_bytes = 1000, .allocs = 3, .frees = 1 },
		{ .frames = stack_a, .n_frames = 2, .object_bytes = 1, .allocs = 9 },
	};
	const struct heap_profile p = { .rate = 1, .sites = sites, .n_sites = ARRAY_SIZE(sites) };
	struct heap_stack *stacks;
	size_t n;

	(void)state;
	assert_int_equal(heap_stacks(&p, &stacks, &n), 0);
	assert_int_equal(n, 3);
	assert_ptr_equal(stacks[0].site->frames, stack_a);
	assert_int_equal(stacks[0].site->n_frames, 3);
	assert_int_equal(stacks[0].all.inuse_bytes, 2000);
	assert_int_equal(stacks[0].all.alloc_bytes, 3050);
	assert_int_equal(stacks[0].all.alloc_objects, 8);
	assert_int_equal(stacks[1].all.inuse_bytes, 400);
	assert_int_equal(stacks[2].all.inuse_bytes, 9);
	free(stacks);
}

static void no_sites_are_no_stacks(void **state)
{
	const struct heap_profile p = { .rate = 1 };
	struct heap_stack *stacks;
	size_t n;

	(void)state;
	assert_int_equal(heap_stacks(&p, &stacks, &n), 0);
	assert_int_equal(n, 0);
	assert_int_equal(heap_profile_estimate(&p).alloc_bytes, 0);
	free(stacks);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sample_is_scaled_as_runtime_pprof_scales_it),
		cmocka_unit_test(absurd_numbers_do_not_overflow),
		cmocka_unit_test(sizes_of_one_stack_are_one_site),
		cmocka_unit_test(no_sites_are_no_stacks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
