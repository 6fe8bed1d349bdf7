// SPDX-License-Identifier: Apache-2.0
/* Timers that pile up, and those that only are many. */
#include <string.h>

#include "../unit.h"

#include "analysis/timer_pile.h"
#include "base/cleanup.h"

#define S 1000000000ll
#define HOUR (3600 * S)
#define EACH 200

static const struct timer_site loop = { .place = "main.consume main.go:12", .call = "time.After",
					.goroutines = 4, .waits = true, .loop = true };
static const struct timer_site once = { .place = "main.request main.go:40", .call = "time.After",
					.goroutines = 9, .waits = true };

/* n that nobody waits for, the last of which fires in last_ns. */
static struct timer_look look(uint64_t n, uint64_t waited, int64_t last_ns)
{
	return (struct timer_look){
		.total = n + waited, .read = n + waited, .kind = { [TIMER_CHANNEL] = n + waited },
		.waited = waited, .unwaited = n, .unwaited_bytes = n * EACH, .first_ns = S,
		.last_ns = last_ns, .span_ns = last_ns - S, .stay_ns = last_ns,
	};
}

static struct timer_look with(struct timer_look l, const struct timer_site *site)
{
	l.sites = site;
	l.n_sites = 1;
	return l;
}

struct answer {
	struct arena *arena;
	struct finding f;
	int found;
};

static void answer_done(struct answer *a)
{
	arena_free(a->arena);
}

static struct answer judge_with(const struct timer_look *l, uint64_t goroutines, int minor,
				const struct timer_growth *growth)
{
	const struct timer_pile p = { .now = l, .goroutines = goroutines, .minor = minor,
				      .growth = growth };
	struct answer a = { .arena = arena_new() };

	assert_non_null(a.arena);
	a.found = timer_pile_judge(&p, a.arena, &a.f);
	assert_true(a.found >= 0);
	return a;
}

static int judge(struct timer_look l, uint64_t goroutines)
{
	CLEANUP(answer_done) struct answer a = judge_with(&l, goroutines, 22, NULL);

	return a.found;
}

static bool says(const struct finding *f, const char *words)
{
	for (uint32_t i = 0; i < f->n_evidence; i++)
		if (strstr(f->evidence[i], words))
			return true;
	return strstr(f->summary, words) || strstr(f->advice, words);
}

static void a_loop_that_leaves_one_a_round_is_suspect(void **state)
{
	struct timer_look l = with(look(60000, 4, HOUR), &loop);
	CLEANUP(answer_done) struct answer a = judge_with(&l, 9, 22, NULL);

	(void)state;
	assert_int_equal(a.found, 1);
	assert_string_equal(a.f.pattern, "timer-pile-up");
	assert_int_equal(a.f.verdict, VERDICT_SUSPECT);
	assert_int_equal(a.f.count, 60000);
	assert_int_equal(a.f.bytes, 60000 * EACH);
	assert_string_equal(a.f.site, "main.consume main.go:12");
	assert_int_equal(a.f.group, FINDING_NO_GROUP);
	assert_true(says(&a.f, "60,000 timers that nobody waits for hold 11.4 MiB"));
	assert_true(says(&a.f, "4 like them are waited for"));
	assert_true(says(&a.f, "the first fires in 1.0 s, the last in 60 min"));
	assert_true(says(&a.f, "probably made by time.After in a loop: main.consume main.go:12, 4"));
	assert_true(says(&a.f, "build with Go 1.23"));
	assert_false(says(&a.f, "asynctimerchan"));
	assert_false(says(&a.f, "estimated"));
}

static void a_newer_go_with_the_old_timers_says_which_setting(void **state)
{
	struct timer_look l = with(look(60000, 4, HOUR), &loop);
	CLEANUP(answer_done) struct answer a = judge_with(&l, 9, 24, NULL);

	(void)state;
	assert_int_equal(a.found, 1);
	assert_true(says(&a.f, "asynctimerchan=1"));
	assert_true(says(&a.f, "say go 1.23 or later in go.mod"));
}

static void an_estimate_says_that_it_is_one(void **state)
{
	struct timer_look l = with(look(1000000, 0, HOUR), &loop);
	CLEANUP(answer_done) struct answer a = { 0 };

	(void)state;
	l.read = 8197;
	a = judge_with(&l, 9, 22, NULL);
	assert_int_equal(a.found, 1);
	assert_true(says(&a.f, "estimated by 8,197 of them"));
	assert_true(says(&a.f, "hardly any is waited for"));
}

static void each_bound_of_a_single_look_holds(void **state)
{
	(void)state;
	assert_int_equal(judge(with(look(10000, 4, HOUR), &loop), 9), 1);
	assert_int_equal(judge(with(look(9999, 4, HOUR), &loop), 9), 0);
	/* A pool of workers that each wait for one, and have left some behind. */
	assert_int_equal(judge(with(look(60000, 599, HOUR), &loop), 600), 1);
	assert_int_equal(judge(with(look(60000, 600, HOUR), &loop), 601), 0);
	/* Gone in a minute. */
	assert_int_equal(judge(with(look(60000, 4, 60 * S), &loop), 9), 0);
	assert_int_equal(judge(with(look(60000, 4, 61 * S), &loop), 9), 1);
}

static void a_timer_or_a_few_for_each_connection_are_healthy(void **state)
{
	(void)state;
	assert_int_equal(judge(look(12000, 0, HOUR), 12001), 0);
	assert_int_equal(judge(look(120000, 0, HOUR), 12001), 0);
	/* The code may well have a loop besides. */
	assert_int_equal(judge(with(look(120000, 4, HOUR), &loop), 12001), 0);
}

static void a_timeout_for_each_request_is_healthy_until_it_is_heavy(void **state)
{
	(void)state;
	assert_int_equal(judge(with(look(30000, 9, 300 * S), &once), 20), 0);
	assert_int_equal(judge(look(30000, 9, 300 * S), 20), 0);
	/* 64 MiB, whoever makes them. */
	assert_int_equal(judge(with(look(335545, 9, 300 * S), &once), 20), 1);
	assert_int_equal(judge(with(look(335544, 9, 300 * S), &once), 20), 0);
}

static void without_a_loop_no_site_is_named(void **state)
{
	struct timer_look l = with(look(400000, 9, 300 * S), &once);
	CLEANUP(answer_done) struct answer a = judge_with(&l, 20, 22, NULL);

	(void)state;
	assert_int_equal(a.found, 1);
	assert_null(a.f.site);
	assert_true(says(&a.f, "probably made by time.After: main.request main.go:40, 9"));
}

static void a_core_has_no_now_and_says_so(void **state)
{
	struct timer_look l = with(look(60000, 4, HOUR), &loop);

	(void)state;
	l.first_ns = l.last_ns = TIME_UNKNOWN;
	{
		CLEANUP(answer_done) struct answer a = judge_with(&l, 9, 22, NULL);

		assert_int_equal(a.found, 1);
		assert_true(says(&a.f, "the last stays for 60 min at least"));
	}
	l.stay_ns = 60 * S;
	assert_int_equal(judge(l, 9), 0);
}

static int judge_growth(struct timer_look l, struct timer_growth growth)
{
	CLEANUP(answer_done) struct answer a = judge_with(&l, 9, 22, &growth);

	if (a.found)
		assert_true(says(&a.f, "more in 30 s"));
	return a.found;
}

static void growth_needs_fewer(void **state)
{
	const struct timer_growth rises = { .span_s = 30, .before = 1000, .goes_on = true };

	(void)state;
	assert_int_equal(judge(with(look(4000, 4, HOUR), &loop), 9), 0);
	assert_int_equal(judge_growth(with(look(4000, 4, HOUR), &loop), rises), 1);
	/* Each bound of it. */
	assert_int_equal(judge_growth(with(look(1999, 4, HOUR), &loop), rises), 0);
	assert_int_equal(judge_growth(with(look(4000, 200, HOUR), &loop), rises), 0);
	assert_int_equal(judge_growth(with(look(4000, 4, HOUR), &once), rises), 0);
	assert_int_equal(judge_growth(with(look(11000, 4, HOUR), &once), rises), 1);
	/* What was made at the start has fired by now: it may be as many as ever. */
	assert_int_equal(judge_growth(with(look(4000, 4, 30 * S), &loop), rises), 0);
}

static void what_has_stopped_growing_is_not_growing(void **state)
{
	const struct timer_growth flat = { .span_s = 30, .before = 1000 };
	const struct timer_growth less = { .span_s = 30, .before = 4001, .goes_on = true };
	const struct timer_growth slow = { .span_s = 30, .before = 8000, .goes_on = true };
	const struct timer_growth none = { .before = 1000, .goes_on = true };

	(void)state;
	assert_int_equal(judge_growth(with(look(4000, 4, HOUR), &loop), flat), 0);
	assert_int_equal(judge_growth(with(look(4000, 4, HOUR), &loop), less), 0);
	assert_int_equal(judge_growth(with(look(9400, 4, HOUR), &loop), slow), 0);
	assert_int_equal(judge_growth(with(look(4000, 4, HOUR), &loop), none), 0);
}

static void no_timers_are_no_pile(void **state)
{
	const struct timer_look l = { .first_ns = TIME_UNKNOWN, .last_ns = TIME_UNKNOWN,
				      .span_ns = TIME_UNKNOWN, .stay_ns = TIME_UNKNOWN };

	(void)state;
	assert_false(timer_pile_possible(&l, 0));
	assert_int_equal(judge(l, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_loop_that_leaves_one_a_round_is_suspect),
		cmocka_unit_test(a_newer_go_with_the_old_timers_says_which_setting),
		cmocka_unit_test(an_estimate_says_that_it_is_one),
		cmocka_unit_test(each_bound_of_a_single_look_holds),
		cmocka_unit_test(a_timer_or_a_few_for_each_connection_are_healthy),
		cmocka_unit_test(a_timeout_for_each_request_is_healthy_until_it_is_heavy),
		cmocka_unit_test(without_a_loop_no_site_is_named),
		cmocka_unit_test(a_core_has_no_now_and_says_so),
		cmocka_unit_test(growth_needs_fewer),
		cmocka_unit_test(what_has_stopped_growing_is_not_growing),
		cmocka_unit_test(no_timers_are_no_pile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
