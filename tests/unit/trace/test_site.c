// SPDX-License-Identifier: Apache-2.0
/*
 * Prologues as the Go compiler makes them: the first bytes of the functions of Go 1.18.10, 1.22.12
 * and 1.27.1 that are probed, cut where nothing matters any more.
 */
#include "../unit.h"

#include "trace/site.h"

#define ARGS (SITE_RAX | SITE_RBX | SITE_RCX | SITE_R14)
#define CODE(s) (const uint8_t *)(s), sizeof(s) - 1

#define CHECK "\x49\x3b\x66\x10\x0f\x86\xe9\x00\x00\x00"	/* cmp rsp, [r14+16]; jbe far */
#define SHORT_CHECK "\x49\x3b\x66\x10\x76\x18"
#define OLD_FRAME "\x48\x83\xec\x18\x48\x89\x6c\x24\x10\x48\x8d\x6c\x24\x10"
#define NEW_FRAME "\x55\x48\x89\xe5\x48\x83\xec\x10"
#define INC_LOCKS "\x49\x8b\x56\x30\x90\xff\x82\x08\x01\x00\x00"	/* mov rdx, [r14+48]; nop; inc */
#define NOP5 "\x0f\x1f\x44\x00\x00"
#define NOP8 "\x0f\x1f\x84\x00\x00\x00\x00\x00"

static void is_site(struct probe_site s, uint32_t offset, enum site_kind kind, uint32_t ret_offset,
		    bool own_frame)
{
	assert_int_equal(s.offset, offset);
	assert_string_equal(site_kind_name(s.kind), site_kind_name(kind));
	assert_int_equal(s.ret_offset, ret_offset);
	assert_int_equal(s.own_frame, own_frame);
	assert_false(s.repeats);
}

static void a_push_behind_the_stack_check_is_taken(void **state)
{
	(void)state;
	is_site(site_choose(CODE(CHECK NEW_FRAME INC_LOCKS), 0, ARGS, false), 10, SITE_EMULATED, 0,
		false);
	is_site(site_choose(CODE(SHORT_CHECK NEW_FRAME "\xe8\x2d\x00\x00\x00"), 0, ARGS, true), 6,
		SITE_EMULATED, 0, false);
}

static void without_a_push_the_marker_of_an_inlined_call_is_taken(void **state)
{
	(void)state;
	/* Go 1.18 gopark */
	is_site(site_choose(CODE(CHECK OLD_FRAME INC_LOCKS), 0, ARGS, false), 28, SITE_EMULATED,
		0x18, true);
}

static void a_branch_is_taken_for_a_site_but_nothing_behind_it(void **state)
{
	(void)state;
	/* Go 1.18 ready: mov [rsp+31], cl; mov [rsp+88], rax; cmpb; je */
	is_site(site_choose(CODE(CHECK OLD_FRAME
				 "\x88\x4c\x24\x1f\x48\x89\x44\x24\x58\x80\x3d\x68\x1a\x0c\x00\x00"
				 "\x74\x0f" NOP5 "\x90"), 0, ARGS, true), 40, SITE_EMULATED, 0x18,
		true);
}

static void a_call_is_taken_with_the_arguments_that_matter_intact(void **state)
{
	/* Go 1.18 goexit0: mov ebx, 2; mov ecx, 6; nop4; call casgstatus */
	static const char goexit0[] = CHECK OLD_FRAME
		"\xbb\x02\x00\x00\x00\xb9\x06\x00\x00\x00\x0f\x1f\x40\x00\xe8\x5b\xab\xff\xff";

	(void)state;
	is_site(site_choose(CODE(goexit0), 0, SITE_RAX, false), 38, SITE_EMULATED, 0x18, true);
	is_site(site_choose(CODE(goexit0), 0, SITE_RAX, true), 34, SITE_EMULATED, 0x18, true);
}

static void a_written_argument_ends_the_search(void **state)
{
	static const char goexit0[] = CHECK OLD_FRAME
		"\xbb\x02\x00\x00\x00\xb9\x06\x00\x00\x00\x0f\x1f\x40\x00\xe8\x5b\xab\xff\xff";
	struct probe_site s = site_choose(CODE(goexit0), 0, SITE_RAX | SITE_RBX, true);

	(void)state;
	/* All that is left is the jump of the stack check. */
	assert_int_equal(s.offset, 4);
	assert_int_equal(s.kind, SITE_EMULATED);
	assert_true(s.repeats);
}

static void a_five_byte_nop_wins_where_the_kernel_knows_it(void **state)
{
	(void)state;
	is_site(site_choose(CODE(CHECK NEW_FRAME NOP5 "\x90"), 0, ARGS, true), 18, SITE_TRAMPOLINE,
		8 + 16, true);
	is_site(site_choose(CODE(CHECK NEW_FRAME NOP5 "\x90"), 0, ARGS, false), 10, SITE_EMULATED, 0,
		false);
	/* It would cross a page. */
	is_site(site_choose(CODE(CHECK NEW_FRAME NOP5 "\x90"), 4096 - 22, ARGS, true), 10,
		SITE_EMULATED, 0, false);
	is_site(site_choose(CODE(CHECK NEW_FRAME NOP5 "\x90"), 4096 - 23, ARGS, true), 18,
		SITE_TRAMPOLINE, 8 + 16, true);
}

static void a_long_nop_is_emulated_by_new_kernels_only(void **state)
{
	/* Go 1.18 newproc1: nop8; test rax, rax; je far */
	static const char newproc1[] = CHECK OLD_FRAME NOP8 "\x48\x85\xc0\x0f\x84\x31\x03\x00\x00";

	(void)state;
	is_site(site_choose(CODE(newproc1), 0, ARGS, true), 24, SITE_EMULATED, 0x18, true);
	is_site(site_choose(CODE(newproc1), 0, ARGS, false), 35, SITE_EMULATED, 0x18, true);
}

static void what_is_jumped_back_to_is_no_site(void **state)
{
	struct probe_site s;

	(void)state;
	/* A loop to the nop in front of its body: jmp -11. */
	s = site_choose(CODE(CHECK OLD_FRAME "\x90\xff\x82\x08\x01\x00\x00\xeb\xf7"), 0, ARGS,
			false);
	assert_int_equal(s.offset, 4);
	assert_true(s.repeats);
	/* Back to the entry jumps what grew the stack: no harm. */
	s = site_choose(CODE(SHORT_CHECK NEW_FRAME "\xeb\xf0"), 0, ARGS, false);
	assert_int_equal(s.offset, 6);
}

static void a_leaf_without_a_check_starts_with_its_push(void **state)
{
	(void)state;
	is_site(site_choose(CODE(NEW_FRAME "\xc3"), 0, ARGS, false), 0, SITE_EMULATED, 0, false);
}

static void what_cannot_be_decoded_is_probed_at_its_entry(void **state)
{
	struct probe_site s = site_choose(CODE(CHECK NEW_FRAME "\x06\x06\x06"), 0, ARGS, true);

	(void)state;
	assert_int_equal(s.offset, 0);
	assert_int_equal(s.kind, SITE_STEPPED);
	s = site_choose(CODE(""), 0, ARGS, true);
	assert_int_equal(s.offset, 0);
	assert_int_equal(s.kind, SITE_STEPPED);
}

static void an_odd_prefix_is_not_taken_for_an_emulated_one(void **state)
{
	(void)state;
	/* xchg r8, rax is 0x90 behind a prefix; push imm8; a jump with an operand size prefix. */
	assert_int_equal(site_choose(CODE("\x41\x90\xc3"), 0, 0, true).kind, SITE_STEPPED);
	assert_int_equal(site_choose(CODE("\x6a\x01\xc3"), 0, 0, true).kind, SITE_STEPPED);
	is_site(site_choose(CODE("\x41\x57\xc3"), 0, 0, true), 0, SITE_EMULATED, 0, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_push_behind_the_stack_check_is_taken),
		cmocka_unit_test(without_a_push_the_marker_of_an_inlined_call_is_taken),
		cmocka_unit_test(a_branch_is_taken_for_a_site_but_nothing_behind_it),
		cmocka_unit_test(a_call_is_taken_with_the_arguments_that_matter_intact),
		cmocka_unit_test(a_written_argument_ends_the_search),
		cmocka_unit_test(a_five_byte_nop_wins_where_the_kernel_knows_it),
		cmocka_unit_test(a_long_nop_is_emulated_by_new_kernels_only),
		cmocka_unit_test(what_is_jumped_back_to_is_no_site),
		cmocka_unit_test(a_leaf_without_a_check_starts_with_its_push),
		cmocka_unit_test(what_cannot_be_decoded_is_probed_at_its_entry),
		cmocka_unit_test(an_odd_prefix_is_not_taken_for_an_emulated_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
