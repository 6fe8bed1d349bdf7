// SPDX-License-Identifier: Apache-2.0
/* Whose the mappings of a process are, by what maps shows alone. */
#include "../unit.h"

#include <string.h>

#include "collect/memory_parts.h"
#include "target/maps.h"

static struct memory_parts sort(const char *text, const uint64_t *g, size_t n)
{
	CLEANUP(maps_free_p) struct maps *maps = NULL;
	struct memory_parts parts = { .rss_anon = 7 };
	bool is_go[64] = { false };

	assert_int_equal(maps_parse(text, strlen(text), &maps, NULL), 0);
	assert_in_range(maps->n, 1, 64);
	memory_map_sort(maps, g, n, is_go, &parts);
	assert_int_equal(parts.rss_anon, 7);
	return parts;
}

static void go_has_what_adjoins_a_goroutine(void **state)
{
	const uint64_t g[] = { 0xc000012340, 0x1234 };
	struct memory_parts p = sort("00400000-00500000 r-xp 00000000 08:01 5 /bin/x\n"
				     "c000000000-c000400000 rw-p 00000000 00:00 0\n"
				     "c000400000-c000800000 rw-p 00000000 00:00 0 [anon: other]\n"
				     "c000800000-c004000000 ---p 00000000 00:00 0\n"
				     "c004000000-c004100000 rw-p 00000000 00:00 0\n"
				     "7f0000100000-7f0000200000 rw-p 00000000 00:00 0\n", g, 2);

	(void)state;
	assert_int_equal(p.files, 1 << 20);
	assert_int_equal(p.go, 9 << 20);
	assert_int_equal(p.other, 1 << 20);
	assert_int_equal(p.c_heap + p.stacks, 0);
}

static void the_c_heap_has_its_arenas(void **state)
{
	struct memory_parts p = sort("01000000-01200000 rw-p 00000000 00:00 0 [heap]\n"
				     "7f0004000000-7f0004300000 rw-p 00000000 00:00 0\n"
				     "7f0004300000-7f0008000000 ---p 00000000 00:00 0\n"
				     "7f0010000000-7f0010300000 rw-p 00000000 00:00 0\n"
				     "7f0010300000-7f0010400000 ---p 00000000 00:00 0\n", NULL, 0);

	(void)state;
	assert_int_equal(p.c_heap, 5 << 20);
	assert_int_equal(p.other, 3 << 20);
}

static void a_stack_stands_on_a_guard(void **state)
{
	struct memory_parts p = sort("7f0000000000-7f0000001000 ---p 00000000 00:00 0\n"
				     "7f0000001000-7f0000801000 rw-p 00000000 00:00 0\n"
				     "7f0000900000-7f0000a00000 ---p 00000000 00:00 0\n"
				     "7f0000a00000-7f0000b00000 rw-p 00000000 00:00 0\n"
				     "7ffc00000000-7ffc00100000 rw-p 00000000 00:00 0 [stack]\n"
				     "7ffc00200000-7ffc00201000 r-xp 00000000 00:00 0 [vdso]\n",
				     NULL, 0);

	(void)state;
	assert_int_equal(p.stacks, 9 << 20);
	assert_int_equal(p.other, 1 << 20);
	assert_int_equal(p.go + p.c_heap + p.files, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(go_has_what_adjoins_a_goroutine),
		cmocka_unit_test(the_c_heap_has_its_arenas),
		cmocka_unit_test(a_stack_stands_on_a_guard),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
