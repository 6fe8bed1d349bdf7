// SPDX-License-Identifier: Apache-2.0
#include <errno.h>

#include "../unit.h"

#include "base/cleanup.h"
#include "goruntime/code_flow.h"

#define ENTRY 0x1000

struct code {
	struct mem *mem;
	struct code_flow *flow;
	struct code_call *calls;
	size_t n;
};

static struct code code_of(const uint8_t *bytes, size_t len)
{
	const struct mem_range range = { ENTRY, bytes, len };
	struct code c = { 0 };

	assert_int_equal(mem_array_open(&range, 1, &c.mem), 0);
	assert_int_equal(code_flow_open(c.mem, ENTRY, ENTRY + len, &c.flow), 0);
	c.calls = code_flow_calls(c.flow, &c.n);
	return c;
}
#define CODE(bytes) code_of((bytes), sizeof(bytes))

static void code_done(struct code *c)
{
	code_flow_close(c->flow);
	mem_close(c->mem);
}

/* nop; L: call; test al, al; je out; jmp L; out: ret */
static const uint8_t loop[] = { 0x90, 0xe8, 0xfa, 0x0f, 0, 0, 0x84, 0xc0, 0x74, 0x02, 0xeb, 0xf5,
				0xc3 };
/* The same as the compiler turns it: jmp test; body: nop; test: call; test al, al; jne body; ret */
static const uint8_t turned[] = { 0xeb, 0x01, 0x90, 0xe8, 0xf8, 0x0f, 0, 0, 0x84, 0xc0, 0x75, 0xf6,
				  0xc3 };
/* call; test al, al; je 1f; nop; 1: ret; then code that is moved out of the way, and jumps back. */
static const uint8_t once[] = { 0x90, 0x74, 0x09, 0xe8, 0xf8, 0x0f, 0, 0, 0x84, 0xc0, 0xc3, 0x90,
				0xeb, 0xf5 };

static void a_loop_is_a_way_from_the_return_back_to_the_call(void **state)
{
	CLEANUP(code_done) struct code a = CODE(loop), b = CODE(turned);

	(void)state;
	assert_int_equal(a.n, 1);
	assert_int_equal(a.calls[0].at, ENTRY + 1);
	assert_int_equal(a.calls[0].next, ENTRY + 6);
	assert_int_equal(a.calls[0].target, 0x2000);
	assert_true(code_flow_follow(a.flow, a.calls[0].next));
	assert_true(code_flow_passed(a.flow, a.calls[0].at));
	assert_int_equal(b.n, 1);
	assert_true(code_flow_follow(b.flow, b.calls[0].next));
	assert_true(code_flow_passed(b.flow, b.calls[0].at));
}

/* A jump backwards over the call is no loop by itself. */
static void code_that_was_moved_behind_the_return_is_no_loop(void **state)
{
	CLEANUP(code_done) struct code c = CODE(once);

	(void)state;
	assert_int_equal(c.n, 1);
	assert_true(code_flow_follow(c.flow, c.calls[0].next));
	assert_false(code_flow_passed(c.flow, c.calls[0].at));
	assert_true(code_flow_follow(c.flow, ENTRY));
	assert_true(code_flow_passed(c.flow, c.calls[0].at));
	assert_true(code_flow_passed(c.flow, ENTRY + 12));
}

/* nop; call f; call g; ret; call morestack; jmp entry */
static const uint8_t grows[] = { 0x90, 0xe8, 0xfa, 0x0f, 0, 0, 0xe8, 0xf5, 0x1f, 0, 0, 0xc3,
				 0xe8, 0xef, 0x2f, 0, 0, 0xeb, 0xed };

static void to_grow_the_stack_and_begin_anew_is_no_loop(void **state)
{
	CLEANUP(code_done) struct code c = CODE(grows);

	(void)state;
	assert_int_equal(c.n, 3);
	assert_false(code_flow_follow(c.flow, c.calls[2].at));
	assert_false(code_flow_passed(c.flow, c.calls[0].at));
}

static void no_way_leads_past_a_bar(void **state)
{
	CLEANUP(code_done) struct code c = CODE(grows);

	(void)state;
	assert_true(code_flow_follow(c.flow, ENTRY));
	c.calls[1].bar = true;
	assert_false(code_flow_follow(c.flow, ENTRY));
	assert_true(code_flow_passed(c.flow, c.calls[1].at));
	assert_false(code_flow_passed(c.flow, c.calls[1].next));
	/* From behind it there is one. */
	assert_true(code_flow_follow(c.flow, c.calls[1].next));
}

/* jmp rax; ud2; ret: neither leads on. A jump out of the function leads nowhere. */
static const uint8_t ends[] = { 0xff, 0xe0, 0x0f, 0x0b, 0xc3, 0xe9, 0xf6, 0x0f, 0, 0, 0xc3 };

static void a_way_ends_where_nobody_can_follow(void **state)
{
	CLEANUP(code_done) struct code c = CODE(ends);

	(void)state;
	assert_false(code_flow_follow(c.flow, ENTRY));
	assert_false(code_flow_follow(c.flow, ENTRY + 2));
	assert_true(code_flow_follow(c.flow, ENTRY + 4));
	assert_false(code_flow_follow(c.flow, ENTRY + 5));
	/* Nor is there one from where there is no code. */
	assert_false(code_flow_follow(c.flow, 0));
	assert_false(code_flow_follow(c.flow, ENTRY + sizeof(ends)));
	assert_false(code_flow_passed(c.flow, ~0ull));
}

static void what_is_no_code_is_no_crash(void **state)
{
	uint8_t bytes[4096];
	uint32_t x = 1;

	(void)state;
	for (int round = 0; round < 50; round++) {
		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = (uint8_t)((x = x * 1664525 + 1013904223) >> 24);
		CLEANUP(code_done) struct code c = CODE(bytes);

		for (size_t at = 0; at < sizeof(bytes); at += 97)
			code_flow_follow(c.flow, ENTRY + at);
	}
}

static void what_is_too_long_or_cannot_be_read_is_refused(void **state)
{
	const struct mem_range range = { ENTRY, loop, sizeof(loop) };
	struct code_flow *f = NULL;
	struct mem *m;

	(void)state;
	assert_int_equal(mem_array_open(&range, 1, &m), 0);
	assert_int_equal(code_flow_open(m, ENTRY, ENTRY, &f), -EBADMSG);
	assert_int_equal(code_flow_open(m, ENTRY, ENTRY - 1, &f), -EBADMSG);
	assert_int_equal(code_flow_open(m, ENTRY, ENTRY + (1u << 30), &f), -EBADMSG);
	assert_int_equal(code_flow_open(m, ENTRY, ENTRY + 2 * sizeof(loop), &f), -EFAULT);
	assert_null(f);
	mem_close(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_loop_is_a_way_from_the_return_back_to_the_call),
		cmocka_unit_test(code_that_was_moved_behind_the_return_is_no_loop),
		cmocka_unit_test(to_grow_the_stack_and_begin_anew_is_no_loop),
		cmocka_unit_test(no_way_leads_past_a_bar),
		cmocka_unit_test(a_way_ends_where_nobody_can_follow),
		cmocka_unit_test(what_is_no_code_is_no_crash),
		cmocka_unit_test(what_is_too_long_or_cannot_be_read_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
