// SPDX-License-Identifier: Apache-2.0
#include "../unit.h"

#include "trace/libc_sites.h"

static void the_push_behind_a_null_test_is_taken(void **state)
{
	/* glibc 2.36: test %rdi,%rdi; je; push %rbp */
	static const uint8_t code[] = { 0x48, 0x85, 0xff, 0x0f, 0x84, 0xbf, 0, 0, 0, 0x55, 0x48 };
	/* The same behind endbr64, with a short jump. */
	static const uint8_t cet[] = { 0xf3, 0x0f, 0x1e, 0xfa, 0x48, 0x85, 0xff, 0x74, 0x10, 0x41,
				       0x54 };

	(void)state;
	assert_int_equal(libc_free_push(code, sizeof(code)), 9);
	assert_int_equal(libc_free_push(cet, sizeof(cet)), 9);
}

static void a_branch_on_anything_else_leaves_the_entry(void **state)
{
	/* test %rsi,%rsi; je; push: calls with a null second argument would not be seen. */
	static const uint8_t other[] = { 0x48, 0x85, 0xf6, 0x74, 0x10, 0x55 };
	/* test %rdi,%rdi; jne; push: those that matter go elsewhere. */
	static const uint8_t inverse[] = { 0x48, 0x85, 0xff, 0x75, 0x10, 0x55 };
	/* test %edi,%edi is not about the whole pointer. */
	static const uint8_t half[] = { 0x85, 0xff, 0x74, 0x10, 0x55 };
	/* A je whose flags are older than the instruction before it. */
	static const uint8_t stale[] = { 0x48, 0x85, 0xff, 0xf3, 0x0f, 0x1e, 0xfa, 0x74, 0x10, 0x55 };

	(void)state;
	assert_int_equal(libc_free_push(other, sizeof(other)), 0);
	assert_int_equal(libc_free_push(inverse, sizeof(inverse)), 0);
	assert_int_equal(libc_free_push(half, sizeof(half)), 0);
	assert_int_equal(libc_free_push(stale, sizeof(stale)), 0);
}

static void what_changes_the_argument_leaves_the_entry(void **state)
{
	/* mov %rsi,%rdi; push %rbp */
	static const uint8_t moved[] = { 0x48, 0x89, 0xf7, 0x55 };

	(void)state;
	assert_int_equal(libc_free_push(moved, sizeof(moved)), 0);
}

static void bytes_that_end_or_are_no_code_leave_the_entry(void **state)
{
	static const uint8_t cut[] = { 0x48, 0x85, 0xff, 0x0f, 0x84 };
	static const uint8_t junk[] = { 0x06, 0x06, 0x55 };

	(void)state;
	assert_int_equal(libc_free_push(cut, sizeof(cut)), 0);
	assert_int_equal(libc_free_push(junk, sizeof(junk)), 0);
	assert_int_equal(libc_free_push(junk, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_push_behind_a_null_test_is_taken),
		cmocka_unit_test(a_branch_on_anything_else_leaves_the_entry),
		cmocka_unit_test(what_changes_the_argument_leaves_the_entry),
		cmocka_unit_test(bytes_that_end_or_are_no_code_leave_the_entry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
