// SPDX-License-Identifier: Apache-2.0
#include "../unit.h"

#include <string.h>

#include "analysis/busy.h"
#include "base/cleanup.h"

enum { HZ = 50 };

#define STACK(...) .functions = (const uint64_t[]){ __VA_ARGS__ }, \
		   .n = sizeof((const uint64_t[]){ __VA_ARGS__ }) / sizeof(uint64_t)

struct books {
	struct busy *busy;
	struct arena *arena;
	struct busy_goroutine *found;
	uint32_t n;
};

static int setup(void **state)
{
	static struct books b;

	b = (struct books){ .busy = busy_new(20), .arena = arena_new() };
	*state = &b;
	return b.busy && b.arena ? 0 : -1;
}

static int teardown(void **state)
{
	struct books *b = *state;

	busy_free(b->busy);
	arena_free(b->arena);
	return 0;
}

/* An interval of 5 s, so of 250 samples, and what is found then. */
static void add(struct books *b, const struct busy_sample *all, size_t n)
{
	assert_int_equal(busy_add(b->busy, 5, HZ, all, n), 0);
	assert_int_equal(busy_list(b->busy, b->arena, &b->found, &b->n), 0);
}

static void one_that_is_in_every_sample_is_busy_once_it_lasted(void **state)
{
	const struct busy_sample s = { .goid = 7, .samples = 249, STACK(1, 2, 3) };
	struct books *b = *state;

	for (int i = 0; i < 3; i++) {
		add(b, &s, 1);
		assert_int_equal(b->n, 0);
	}
	add(b, &s, 1);
	assert_int_equal(b->n, 1);
	assert_int_equal(b->found[0].goid, 7);
	assert_int_equal(b->found[0].samples, 4 * 249);
	assert_int_equal(b->found[0].function, 3);
	assert_true(b->found[0].seconds == 20 && b->found[0].expected == 1000);
}

static void an_interval_too_short_for_samples_ends_nothing(void **state)
{
	const struct busy_sample s = { .goid = 7, .samples = 250, STACK(1, 2) };
	const struct busy_sample once = { .goid = 8, .samples = 1, STACK(1, 2) };
	struct books *b = *state;

	for (int i = 0; i < 4; i++)
		add(b, &s, 1);
	assert_int_equal(busy_add(b->busy, 0.02, HZ, NULL, 0), 0);
	assert_int_equal(busy_list(b->busy, b->arena, &b->found, &b->n), 0);
	assert_int_equal(b->n, 1);
	/* Who is met in them, and hardly ever, is not busy for all that. */
	for (int i = 0; i < 1000; i++)
		assert_int_equal(busy_add(b->busy, 0.02, HZ, &once, i % 10 == 0), 0);
	assert_int_equal(busy_list(b->busy, b->arena, &b->found, &b->n), 0);
	assert_int_equal(b->n, 0);
}

static void one_interval_of_rest_begins_anew(void **state)
{
	const struct busy_sample s = { .goid = 7, .samples = 250, STACK(1, 2) };
	const struct busy_sample rests = { .goid = 7, .samples = 100, STACK(1, 2) };
	struct books *b = *state;

	for (int i = 0; i < 3; i++)
		add(b, &s, 1);
	add(b, &rests, 1);
	for (int i = 0; i < 3; i++) {
		add(b, &s, 1);
		assert_int_equal(b->n, 0);
	}
	add(b, &s, 1);
	assert_int_equal(b->n, 1);
}

static void one_that_is_absent_is_forgotten(void **state)
{
	const struct busy_sample s = { .goid = 7, .samples = 250, STACK(1) };
	const struct busy_sample other = { .goid = 8, .samples = 250, STACK(1) };
	struct books *b = *state;

	for (int i = 0; i < 3; i++)
		add(b, &s, 1);
	add(b, &other, 1);
	add(b, &s, 1);
	assert_int_equal(b->n, 0);
}

static void four_fifths_of_the_time_is_work_and_no_endless_loop(void **state)
{
	const struct busy_sample s = { .goid = 7, .samples = 200, STACK(1) };
	struct books *b = *state;

	for (int i = 0; i < 20; i++) {
		add(b, &s, 1);
		assert_int_equal(b->n, 0);
	}
}

static void the_function_is_the_innermost_that_all_intervals_share(void **state)
{
	const struct busy_sample deep = { .goid = 7, .samples = 250, STACK(1, 2, 3, 4) };
	const struct busy_sample side = { .goid = 7, .samples = 250, STACK(1, 2, 9) };
	const struct busy_sample blind = { .goid = 7, .samples = 250 };
	struct books *b = *state;

	for (int i = 0; i < 3; i++)
		add(b, &deep, 1);
	/* An interval without a whole stack says nothing of it. */
	add(b, &blind, 1);
	assert_int_equal(b->found[0].function, 4);
	add(b, &side, 1);
	assert_int_equal(b->found[0].function, 2);
}

static void goroutines_without_a_function_in_common_are_not_called_busy(void **state)
{
	const struct busy_sample one = { .goid = 7, .samples = 250, STACK(1, 2) };
	const struct busy_sample two = { .goid = 7, .samples = 250, STACK(5) };
	struct books *b = *state;

	for (int i = 0; i < 5; i++) {
		add(b, i & 1 ? &one : &two, 1);
		assert_int_equal(b->n, 0);
	}
}

static void samples_without_a_goroutine_are_nobody(void **state)
{
	const struct busy_sample s = { .goid = 0, .samples = 250, STACK(1) };
	struct books *b = *state;

	for (int i = 0; i < 5; i++)
		add(b, &s, 1);
	assert_int_equal(b->n, 0);
}

static void a_finding_stands_for_all_goroutines_of_a_function(void **state)
{
	const struct busy_sample s[] = {
		{ .goid = 7, .samples = 250, STACK(1, 2) },
		{ .goid = 8, .samples = 248, STACK(1, 3) },
		{ .goid = 9, .samples = 250, STACK(5, 2) },
	};
	struct books *b = *state;
	struct finding *f;
	uint32_t n;

	for (int i = 0; i < 4; i++)
		add(b, s, 3);
	assert_int_equal(b->n, 3);
	b->found[0].at = (struct frame){ .function = "main.spin", .file = "/x/main.go", .line = 9 };
	assert_int_equal(busy_findings(b->found, b->n, b->arena, &f, &n), 0);
	assert_int_equal(n, 2);
	assert_string_equal(f[0].pattern, "busy-goroutine");
	assert_int_equal(f[0].verdict, VERDICT_SUSPECT);
	assert_int_equal(f[0].count, 2);
	assert_string_equal(f[0].site, "main.spin main.go:9");
	assert_string_equal(f[0].summary, "2 goroutines never left the CPU in 20 s");
	assert_int_equal(f[1].count, 1);
	assert_string_equal(f[1].summary, "1 goroutine never left the CPU in 20 s");
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(one_that_is_in_every_sample_is_busy_once_it_lasted),
		CASE(an_interval_too_short_for_samples_ends_nothing),
		CASE(one_interval_of_rest_begins_anew),
		CASE(one_that_is_absent_is_forgotten),
		CASE(four_fifths_of_the_time_is_work_and_no_endless_loop),
		CASE(the_function_is_the_innermost_that_all_intervals_share),
		CASE(goroutines_without_a_function_in_common_are_not_called_busy),
		CASE(samples_without_a_goroutine_are_nobody),
		CASE(a_finding_stands_for_all_goroutines_of_a_function),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
