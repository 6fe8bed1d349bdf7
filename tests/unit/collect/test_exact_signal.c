// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../unit.h"
#include "collect/exact_parts.h"

/* A stack for signals of 32 KiB, as Go's, with the kernel's frame in its upper part. */
enum { STACK = 32 << 10, WORDS = STACK / 8, FRAME = WORDS - 200, SP = FRAME - 60 };
#define LO 0xc000100000ull
#define INTERRUPTED 0xc000042f00ull
#define HELD 0xc000123450ull

static uint64_t stack[WORDS];

static uint64_t at(size_t word)
{
	return LO + 8 * word;
}

/* uc_link, then uc_stack { ss_sp, ss_flags, ss_size }, then the registers, of which rsp is no. 15. */
static void make_frame(void)
{
	memset(stack, 0x55, sizeof(stack));
	memset(stack + FRAME - 2, 0, 40 * 8);
	stack[FRAME] = LO;
	stack[FRAME + 2] = STACK;
	stack[FRAME + 3] = HELD;
	stack[FRAME + 3 + 15] = INTERRUPTED;
}

static uint64_t find(uint64_t blocked, struct exact_words *words)
{
	const struct mem_range range = { LO, stack, sizeof(stack) };
	const struct stopped_thread t = { .tid = 1, .sp = at(SP), .blocked = blocked };
	struct mem *m;
	uint64_t sp = 1;

	assert_int_equal(mem_array_open(&range, 1, &m), 0);
	assert_int_equal(exact_signal_frame(m, &t, words, &sp), 0);
	mem_close(m);
	return sp;
}

static bool holds(const struct exact_words *words, uint64_t word)
{
	for (size_t i = 0; i < words->n; i++)
		if (words->all[i] == word)
			return true;
	return false;
}

static void what_was_interrupted_is_found_on_the_stack_for_signals(void **state)
{
	struct exact_words words = { 0 };

	(void)state;
	make_frame();
	assert_int_equal(find(UINT64_MAX, &words), INTERRUPTED);
	assert_true(holds(&words, INTERRUPTED));
	assert_true(holds(&words, HELD));
	/* From the red zone below its pointer to its end. */
	assert_int_equal(words.n, WORDS - SP + 128 / 8);
	free(words.all);
}

static void a_thread_that_blocks_no_signal_handles_none(void **state)
{
	struct exact_words words = { 0 };

	(void)state;
	make_frame();
	assert_int_equal(find(0, &words), 0);
	assert_int_equal(words.n, 0);
}

static void bounds_that_the_pointer_is_not_in_are_no_frame(void **state)
{
	struct exact_words words = { 0 };

	(void)state;
	make_frame();
	stack[FRAME] = at(SP + 1);
	assert_int_equal(find(UINT64_MAX, &words), 0);
	make_frame();
	stack[FRAME + 2] = 8;
	assert_int_equal(find(UINT64_MAX, &words), 0);
	make_frame();
	stack[FRAME + 2] = UINT64_MAX;
	assert_int_equal(find(UINT64_MAX, &words), 0);
	make_frame();
	stack[FRAME + 3 + 15] = 1;
	assert_int_equal(find(UINT64_MAX, &words), 0);
	assert_int_equal(words.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_interrupted_is_found_on_the_stack_for_signals),
		cmocka_unit_test(a_thread_that_blocks_no_signal_handles_none),
		cmocka_unit_test(bounds_that_the_pointer_is_not_in_are_no_frame),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
