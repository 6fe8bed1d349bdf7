// SPDX-License-Identifier: Apache-2.0
#include "base/arena.h"

#include <stdio.h>
#include <string.h>

#include "../unit.h"

static void memory_is_zeroed_and_aligned(void **state)
{
	CLEANUP(arena_free_p) struct arena *a = arena_new();

	(void)state;
	for (size_t n = 1; n < 200000; n = n * 3 + 1) {
		uint8_t *p = arena_alloc(a, n, 1);

		assert_non_null(p);
		assert_int_equal((uintptr_t)p % 16, 0);
		for (size_t i = 0; i < n; i++)
			assert_int_equal(p[i], 0);
		memset(p, 0xa5, n);
	}
}

static void an_overflowing_size_is_refused(void **state)
{
	CLEANUP(arena_free_p) struct arena *a = arena_new();

	(void)state;
	assert_null(arena_alloc(a, SIZE_MAX / 2, 4));
	assert_null(arena_alloc(a, SIZE_MAX, 1));
}

static void equal_strings_share_one_copy(void **state)
{
	CLEANUP(arena_free_p) struct arena *a = arena_new();
	const char *first[1000];

	(void)state;
	for (int i = 0; i < 1000; i++) {
		char s[16];

		snprintf(s, sizeof(s), "name%d", i);
		first[i] = arena_intern(a, s, strlen(s));
		assert_string_equal(first[i], s);
	}
	for (int i = 0; i < 1000; i++)
		assert_ptr_equal(arena_intern(a, first[i], strlen(first[i])), first[i]);
	assert_ptr_not_equal(arena_intern(a, "name", 4), first[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_is_zeroed_and_aligned),
		cmocka_unit_test(an_overflowing_size_is_refused),
		cmocka_unit_test(equal_strings_share_one_copy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
