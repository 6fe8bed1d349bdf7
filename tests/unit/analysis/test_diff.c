// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <string.h>

#include "../unit.h"

#include "analysis/diff.h"
#include "base/cleanup.h"

#define MIB (1ull << 20)
#define GROUP(i, n) { .id = (i), .site = (i) + 500, .like = (i) + 1000, .count = (n), \
		      .state = "waiting", .wait_reason = "chan send", .place = "main.f x.go:1", \
		      .stack_bytes = 4096 }

/* Ten minutes of one process, warm: whatever the case changes. */
static struct saved first(void)
{
	return (struct saved){ .file = "a.json", .time_ms = 1000000, .time = "A", .pid = 42,
			       .start_time = 7, .name = "shop", .build_id = "b1",
			       .go_version = "go1.24.9", .module = "example.com/shop",
			       .uptime_ms = 3600000, .total = WAIT_UNKNOWN, .system = WAIT_UNKNOWN,
			       .rss_bytes = WAIT_UNKNOWN, .threads = WAIT_UNKNOWN };
}

static struct saved second(void)
{
	struct saved s = first();

	s.file = "b.json";
	s.time_ms += 600000;
	s.uptime_ms += 600000;
	return s;
}

static void compare(const struct saved *a, const struct saved *b, struct arena *arena,
		    struct diff *d)
{
	struct diag diag = DIAG_INIT;

	assert_non_null(arena);
	assert_int_equal(diff_compare(a, b, arena, d, &diag), 0);
}

static bool notes_say(const struct diff *d, const char *words)
{
	for (uint32_t i = 0; i < d->n_notes; i++)
		if (strstr(d->notes[i], words))
			return true;
	return false;
}

#define COMPARE(a, b)                                           \
	CLEANUP(arena_free_p) struct arena *arena = arena_new(); \
	struct diff d;                                          \
	compare(&(a), &(b), arena, &d)

static void rates_are_by_the_time_between(void **state)
{
	struct saved a = first(), b = second();
	double per_min;

	(void)state;
	a.total = 100;
	b.total = 160;
	COMPARE(a, b);
	assert_int_equal(d.relation, DIFF_SAME_PROCESS);
	assert_int_equal((int)d.seconds, 600);
	assert_false(d.swapped);
	assert_true(diff_per_min(&d, d.goroutines.before, d.goroutines.after, &per_min));
	assert_int_equal((int)per_min, 6);
	assert_false(diff_per_min(&d, WAIT_UNKNOWN, 5, &per_min));
}

static void the_wrong_order_is_put_right_and_said(void **state)
{
	struct saved a = second(), b = first();

	(void)state;
	COMPARE(a, b);
	assert_true(d.swapped);
	assert_string_equal(d.before->file, "a.json");
	assert_int_equal((int)d.seconds, 600);
	assert_true(notes_say(&d, "b.json is the later one"));
}

static void a_file_with_itself_has_no_rates(void **state)
{
	struct saved a = first();

	(void)state;
	COMPARE(a, a);
	assert_true(d.seconds == 0);
	assert_true(notes_say(&d, "no time lies between them"));
	assert_int_equal(d.n_findings, 0);
}

static void a_clock_that_was_set_does_not_count(void **state)
{
	struct saved a = first(), b = second();

	(void)state;
	b.time_ms -= 590000;
	COMPARE(a, b);
	assert_false(d.swapped);
	assert_int_equal((int)d.seconds, 600);
	assert_true(notes_say(&d, "clock was set"));
}

static void after_a_restart_there_are_no_rates(void **state)
{
	struct saved a = first(), b = second();
	struct saved_group x[] = { GROUP(1, 100) }, y[] = { GROUP(1, 900) };

	(void)state;
	b.pid = 77;
	b.start_time = 9;
	b.uptime_ms = 5000;
	a.groups = x;
	b.groups = y;
	a.n_groups = b.n_groups = 1;
	COMPARE(a, b);
	assert_int_equal(d.relation, DIFF_RESTARTED);
	assert_true(d.seconds == 0);
	assert_int_equal(d.n_findings, 0);
	assert_int_equal(diff_group_after(&d.groups[0]), 900);
	assert_true(notes_say(&d, "pid 42, up 60 min; pid 77, up 5 s"));
}

static void a_pid_that_was_given_out_again_is_another_process(void **state)
{
	struct saved a = first(), b = second();

	(void)state;
	b.start_time = 9;
	COMPARE(a, b);
	assert_int_equal(d.relation, DIFF_RESTARTED);
}

static void two_builds_are_matched_by_their_functions(void **state)
{
	struct saved a = first(), b = second();
	struct saved_group x[] = { GROUP(1, 100), GROUP(2, 50), GROUP(3, 5) };
	struct saved_group y[] = { GROUP(11, 90), GROUP(12, 7) };

	(void)state;
	b.build_id = "b2";
	/* 1 and 2 differ in lines alone; and 11 is their heir. */
	x[1].like = x[0].like = y[0].like = 5;
	a.groups = x;
	a.n_groups = 3;
	b.groups = y;
	b.n_groups = 2;
	COMPARE(a, b);
	assert_int_equal(d.relation, DIFF_OTHER_BUILD);
	assert_int_equal(d.n_groups, 3);
	assert_int_equal(diff_group_after(&d.groups[0]), 7);
	assert_int_equal(diff_group_before(&d.groups[1]), 150);
	assert_int_equal(diff_group_after(&d.groups[1]), 90);
	assert_null(d.groups[2].after);
}

static void another_program_after_exec_is_refused(void **state)
{
	CLEANUP(arena_free_p) struct arena *arena = arena_new();
	struct saved a = first(), b = second();
	struct diag diag = DIAG_INIT;
	struct diff d;

	(void)state;
	b.build_id = "b2";
	b.module = NULL;
	b.name = "sleep";
	assert_int_equal(diff_compare(&a, &b, arena, &d, &diag), -EINVAL);
	assert_string_equal(diag.why, "one is of shop, the other of sleep");
}

static void programs_without_a_module_are_told_by_name(void **state)
{
	CLEANUP(arena_free_p) struct arena *arena = arena_new();
	struct saved a = first(), b = second();
	struct diag diag = DIAG_INIT;
	struct diff d;

	(void)state;
	b.build_id = "b2";
	a.module = b.module = "command-line-arguments";
	assert_int_equal(diff_compare(&a, &b, arena, &d, &diag), 0);
	b.name = "other";
	assert_int_equal(diff_compare(&a, &b, arena, &d, &diag), -EINVAL);
}

static void a_core_says_nothing_of_time(void **state)
{
	struct saved a = first(), b = second();

	(void)state;
	b.core_file = "core.42";
	b.start_time = 0;
	COMPARE(a, b);
	assert_int_equal(d.relation, DIFF_UNSURE);
	assert_true(d.seconds == 0);
}

/* --- Groups --- */

static void what_grew_most_is_first_and_the_systems_last(void **state)
{
	struct saved a = first(), b = second();
	struct saved_group x[] = { GROUP(1, 10), GROUP(2, 500), GROUP(3, 10), GROUP(4, 3), GROUP(6, 8) };
	struct saved_group y[] = { GROUP(1, 12), GROUP(2, 100), GROUP(3, 30), GROUP(4, 3), GROUP(5, 9),
				   GROUP(7, 90) };

	(void)state;
	y[5].system = true;
	a.groups = x;
	a.n_groups = 5;
	b.groups = y;
	b.n_groups = 6;
	COMPARE(a, b);
	const uint64_t ids[] = { 3, 5, 1, 2, 6, 4, 7 };
	assert_int_equal(d.n_groups, ARRAY_SIZE(ids));
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		assert_int_equal((d.groups[i].after ? d.groups[i].after : d.groups[i].before)->id,
				 ids[i]);
}

enum { COHORT = 20, LATER = 60 };

/* COHORT goroutines in group 1, and LATER of them afterwards; `gone` of the first have left. */
static void fill(struct saved *a, struct saved *b, struct saved_group *x, struct saved_group *y,
		 struct saved_goroutine *p, struct saved_goroutine *q, uint32_t gone)
{
	*x = (struct saved_group)GROUP(1, COHORT);
	*y = (struct saved_group)GROUP(1, LATER);
	for (uint32_t i = 0; i < COHORT; i++)
		p[i] = (struct saved_goroutine){ .id = 100 + i, .group = 1 };
	for (uint32_t i = 0; i < LATER; i++)
		q[i] = (struct saved_goroutine){ .id = 100 + gone + i, .group = 1 };
	a->groups = x;
	b->groups = y;
	a->n_groups = b->n_groups = 1;
	a->listed = b->listed = true;
	a->goroutines = p;
	a->n_goroutines = COHORT;
	b->goroutines = q;
	b->n_goroutines = LATER;
}

static void growth_that_nobody_leaves_is_suspect(void **state)
{
	struct saved a = first(), b = second();
	struct saved_goroutine p[COHORT], q[LATER];
	struct saved_group x, y;

	(void)state;
	fill(&a, &b, &x, &y, p, q, 0);
	COMPARE(a, b);
	assert_int_equal(d.stayed, COHORT);
	assert_int_equal(d.arrived, LATER - COHORT);
	assert_int_equal(d.left, 0);
	assert_int_equal(d.groups[0].stayed, COHORT);
	assert_int_equal(d.groups[0].arrived, LATER - COHORT);
	assert_int_equal(d.n_findings, 1);
	assert_int_equal(d.findings[0].verdict, VERDICT_SUSPECT);
	assert_string_equal(d.findings[0].pattern, "growing-group");
	assert_string_equal(d.findings[0].evidence[0], "from 20 to 60 in 10 min: +4.0 a minute");
	assert_string_equal(d.findings[0].evidence[1],
			    "20 of the 20 that were there stayed, and 40 came");
}

static void traffic_that_grows_is_no_finding(void **state)
{
	struct saved a = first(), b = second();
	struct saved_goroutine p[COHORT], q[LATER];
	struct saved_group x, y;

	(void)state;
	fill(&a, &b, &x, &y, p, q, COHORT / 2);
	COMPARE(a, b);
	assert_int_equal(d.groups[0].stayed, COHORT / 2);
	assert_int_equal(d.groups[0].left, COHORT / 2);
	assert_int_equal(d.n_findings, 0);
}

static void a_process_that_just_started_fills_its_pools(void **state)
{
	struct saved a = first(), b = second();
	struct saved_goroutine p[COHORT], q[LATER];
	struct saved_group x, y;

	(void)state;
	fill(&a, &b, &x, &y, p, q, 0);
	a.uptime_ms = 4000;
	b.uptime_ms = 604000;
	COMPARE(a, b);
	assert_int_equal(d.findings[0].verdict, VERDICT_CANDIDATE);
}

static void without_lists_growth_is_a_candidate(void **state)
{
	struct saved a = first(), b = second();
	struct saved_goroutine p[COHORT], q[LATER];
	struct saved_group x, y;

	(void)state;
	fill(&a, &b, &x, &y, p, q, 0);
	b.listed = false;
	b.n_goroutines = 0;
	x.n_samples = y.n_samples = 3;
	x.samples[0] = y.samples[2] = 100;
	x.samples[1] = y.samples[0] = 101;
	x.samples[2] = 103;
	y.samples[1] = 160;
	COMPARE(a, b);
	assert_int_equal(d.stayed, WAIT_UNKNOWN);
	assert_int_equal(d.groups[0].stayed, WAIT_UNKNOWN);
	assert_int_equal(d.groups[0].stayed_at_least, 2);
	assert_int_equal(d.n_findings, 1);
	assert_int_equal(d.findings[0].verdict, VERDICT_CANDIDATE);
	assert_true(notes_say(&d, "--goroutines"));
}

static void samples_of_which_none_stayed_are_traffic(void **state)
{
	struct saved a = first(), b = second();
	struct saved_group x[] = { GROUP(1, 100) }, y[] = { GROUP(1, 900) };

	(void)state;
	for (uint32_t i = 0; i < LIMIT_SAMPLES; i++) {
		x[0].samples[x[0].n_samples++] = 100 + i;
		y[0].samples[y[0].n_samples++] = 9000 + i;
	}
	a.groups = x;
	b.groups = y;
	a.n_groups = b.n_groups = 1;
	COMPARE(a, b);
	assert_int_equal(d.n_findings, 0);
}

static void who_moves_to_another_group_has_left_the_first(void **state)
{
	struct saved a = first(), b = second();
	struct saved_group x[] = { GROUP(1, 2) }, y[] = { GROUP(1, 1), GROUP(2, 1) };
	struct saved_goroutine p[] = { { 5, 1 }, { 6, 1 } }, q[] = { { 5, 1 }, { 6, 2 } };

	(void)state;
	a.groups = x;
	a.n_groups = 1;
	b.groups = y;
	b.n_groups = 2;
	a.listed = b.listed = true;
	a.goroutines = p;
	b.goroutines = q;
	a.n_goroutines = b.n_goroutines = 2;
	COMPARE(a, b);
	assert_int_equal(d.stayed, 2);
	assert_int_equal(d.groups[0].arrived, 1);
	assert_int_equal(d.groups[0].stayed, 0);
	assert_int_equal(d.groups[1].left, 1);
	assert_int_equal(d.groups[1].stayed, 1);
}

static void groups_that_labels_tell_apart_grow_together(void **state)
{
	enum { N = 30 };
	struct saved a = first(), b = second();
	struct saved_group x[N], y[2 * N];
	struct saved_goroutine p[N], q[2 * N];

	(void)state;
	/* Each has labels of its own, and one goroutine; those before are there still. */
	for (uint32_t i = 0; i < 2 * N; i++) {
		y[i] = (struct saved_group)GROUP(i + 1, 1);
		y[i].site = 7;
		q[i] = (struct saved_goroutine){ .id = i + 1, .group = i + 1 };
		if (i < N) {
			x[i] = y[i];
			p[i] = q[i];
		}
	}
	a.groups = x;
	a.n_groups = N;
	b.groups = y;
	b.n_groups = 2 * N;
	a.listed = b.listed = true;
	a.goroutines = p;
	a.n_goroutines = N;
	b.goroutines = q;
	b.n_goroutines = 2 * N;
	COMPARE(a, b);
	assert_int_equal(d.n_groups, 2 * N);
	assert_int_equal(d.n_sites, 1);
	assert_int_equal(d.sites[0].sets, 2 * N);
	assert_int_equal(d.sites[0].stayed, N);
	assert_int_equal(d.sites[0].arrived, N);
	assert_int_equal(d.sites[0].left, 0);
	assert_int_equal(d.stayed, N);
	assert_int_equal(d.n_findings, 1);
	assert_int_equal(d.findings[0].count, 2 * N);
	assert_int_equal(d.findings[0].verdict, VERDICT_SUSPECT);
}

static void samples_of_labelled_groups_add_up(void **state)
{
	struct saved a = first(), b = second();
	struct saved_group x[] = { GROUP(1, 1), GROUP(2, 1) }, y[] = { GROUP(1, 1), GROUP(2, 1) };

	(void)state;
	x[0].site = x[1].site = y[0].site = y[1].site = 7;
	x[0].n_samples = x[1].n_samples = y[0].n_samples = y[1].n_samples = 1;
	x[0].samples[0] = y[0].samples[0] = 11;
	x[1].samples[0] = 12;
	y[1].samples[0] = 13;
	a.groups = x;
	b.groups = y;
	a.n_groups = b.n_groups = 2;
	COMPARE(a, b);
	assert_int_equal(d.sites[0].stayed_at_least, 1);
	assert_int_equal(d.sites[0].sampled, 2);
}

static void what_is_proven_stays_so_when_it_grew(void **state)
{
	struct saved a = first(), b = second();
	struct saved_group x[] = { GROUP(1, 2), GROUP(2, 4) }, y[] = { GROUP(1, 3), GROUP(2, 4) };

	(void)state;
	x[0].verdict = y[0].verdict = x[1].verdict = y[1].verdict = VERDICT_PROVEN;
	x[0].pattern = y[0].pattern = "nil-chan-recv";
	a.groups = x;
	b.groups = y;
	a.n_groups = b.n_groups = 2;
	COMPARE(a, b);
	assert_int_equal(d.n_findings, 1);
	assert_int_equal(d.findings[0].verdict, VERDICT_PROVEN);
	assert_string_equal(d.findings[0].pattern, "nil-chan-recv");
	assert_int_equal(d.sites[d.findings[0].group].after->id, 1);
}

static void counts_beyond_all_measure_are_capped(void **state)
{
	struct saved a = first(), b = second();
	struct saved_group x[] = { GROUP(1, 1ull << 60), GROUP(1, UINT64_MAX) };
	struct saved_group y[] = { GROUP(1, UINT64_MAX) };

	(void)state;
	a.groups = x;
	a.n_groups = 2;
	b.groups = y;
	b.n_groups = 1;
	COMPARE(a, b);
	assert_int_equal(diff_group_before(&d.groups[0]), LIMIT_GOROUTINES);
	assert_int_equal(diff_group_after(&d.groups[0]), LIMIT_GOROUTINES);
}

/* --- Numbers --- */

static void numbers_are_matched_by_name(void **state)
{
	struct saved_number x[] = { { "c.heap.used", 10 * MIB }, { "go.heap.live", 5 * MIB },
				    { "zz", 1 } };
	struct saved_number y[] = { { "go.heap.live", 9 * MIB }, { "unexplained", MIB } };
	struct saved a = first(), b = second();

	(void)state;
	a.parts = (struct saved_numbers){ x, 3 };
	b.parts = (struct saved_numbers){ y, 2 };
	COMPARE(a, b);
	/* In the contract's order; what is not in it comes last. */
	assert_int_equal(d.parts.n, 4);
	assert_string_equal(d.parts.all[0].name, "go.heap.live");
	assert_string_equal(d.parts.all[1].name, "c.heap.used");
	assert_string_equal(d.parts.all[2].name, "unexplained");
	assert_string_equal(d.parts.all[3].name, "zz");
	assert_int_equal(d.parts.all[0].before, 5 * MIB);
	assert_int_equal(d.parts.all[0].after, 9 * MIB);
	assert_int_equal(diff_change_of(d.parts.all[1].before, d.parts.all[1].after), DIFF_GONE);
	assert_int_equal(diff_change_of(d.parts.all[2].before, d.parts.all[2].after), DIFF_NEW);
}

static void a_variable_that_grows_is_a_finding_with_its_bytes(void **state)
{
	struct saved_number x[] = { { "main.cache", 10 * MIB }, { "main.other", 40 * MIB } };
	struct saved_number y[] = { { "main.cache", 90 * MIB }, { "main.other", 40 * MIB } };
	struct saved a = first(), b = second();

	(void)state;
	a.retained_by = (struct saved_numbers){ x, 2 };
	b.retained_by = (struct saved_numbers){ y, 2 };
	COMPARE(a, b);
	assert_string_equal(d.retained_by.all[0].name, "main.cache");
	assert_int_equal(d.n_findings, 1);
	assert_string_equal(d.findings[0].pattern, "growing-global");
	assert_string_equal(d.findings[0].site, "main.cache");
	assert_int_equal(d.findings[0].bytes, 90 * MIB);
	assert_int_equal(d.findings[0].verdict, VERDICT_SUSPECT);
}

static void sites_are_matched_and_the_largest_change_is_first(void **state)
{
	struct saved_site x[] = { { .id = 1, .value = 5, .objects = 1 }, { .id = 2, .value = 100 } };
	struct saved_site y[] = { { .id = 2, .value = 101 }, { .id = 3, .value = 50 } };
	struct saved a = first(), b = second();

	(void)state;
	a.heap_sites = (struct saved_sites){ x, 2 };
	b.heap_sites = (struct saved_sites){ y, 2 };
	COMPARE(a, b);
	assert_int_equal(d.heap_sites.n, 3);
	assert_int_equal(d.heap_sites.all[0].after->id, 3);
	assert_null(d.heap_sites.all[0].before);
	assert_int_equal(d.heap_sites.all[1].before->id, 1);
	assert_int_equal(d.heap_sites.all[2].after->value, 101);
}

/* Made in a loop, the last of which fires in an hour. */
static struct saved_timers timers(int64_t unwaited)
{
	return (struct saved_timers){ .total = unwaited + 4, .waited = 4, .unwaited = unwaited,
				      .unwaited_bytes = unwaited * 200,
				      .first_ns = TIME_UNKNOWN, .last_ns = 3600ll * 1000000000,
				      .place = "main.f x.go:1", .call = "time.After",
				      .goroutines = 4, .loop = true, .waits = true };
}

static const struct finding *pile(const struct diff *d)
{
	for (uint32_t i = 0; i < d->n_findings; i++)
		if (strcmp(d->findings[i].pattern, "timer-pile-up") == 0)
			return &d->findings[i];
	return NULL;
}

static void timers_that_became_more_are_a_candidate(void **state)
{
	struct saved a = first(), b = second();

	(void)state;
	a.total = b.total = 9;
	a.timers = timers(1000);
	b.timers = timers(5000);
	COMPARE(a, b);
	assert_non_null(pile(&d));
	assert_int_equal(pile(&d)->verdict, VERDICT_CANDIDATE);
	assert_int_equal(pile(&d)->count, 5000);
	assert_int_equal(pile(&d)->bytes, 1000000);
	assert_string_equal(pile(&d)->site, "main.f x.go:1");
}

static void a_pile_of_timers_is_one_in_a_comparison_too(void **state)
{
	struct saved a = first(), b = second();

	(void)state;
	a.total = b.total = 9;
	a.timers = timers(1000);
	b.timers = timers(50000);
	COMPARE(a, b);
	assert_non_null(pile(&d));
	assert_int_equal(pile(&d)->verdict, VERDICT_SUSPECT);
}

static void timers_that_are_not_known_or_no_more_are_no_finding(void **state)
{
	struct saved a = first(), b = second();

	(void)state;
	a.total = b.total = 9;
	a.timers = timers(5000);
	b.timers = timers(5000);
	{
		COMPARE(a, b);
		assert_null(pile(&d));
	}
	a.timers.unwaited = WAIT_UNKNOWN;
	b.timers = timers(50000);
	{
		COMPARE(a, b);
		assert_null(pile(&d));
	}
	/* Another process. */
	a.timers = timers(1000);
	b.start_time = 8;
	{
		COMPARE(a, b);
		assert_null(pile(&d));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rates_are_by_the_time_between),
		cmocka_unit_test(the_wrong_order_is_put_right_and_said),
		cmocka_unit_test(a_file_with_itself_has_no_rates),
		cmocka_unit_test(a_clock_that_was_set_does_not_count),
		cmocka_unit_test(after_a_restart_there_are_no_rates),
		cmocka_unit_test(a_pid_that_was_given_out_again_is_another_process),
		cmocka_unit_test(two_builds_are_matched_by_their_functions),
		cmocka_unit_test(another_program_after_exec_is_refused),
		cmocka_unit_test(programs_without_a_module_are_told_by_name),
		cmocka_unit_test(a_core_says_nothing_of_time),
		cmocka_unit_test(what_grew_most_is_first_and_the_systems_last),
		cmocka_unit_test(growth_that_nobody_leaves_is_suspect),
		cmocka_unit_test(traffic_that_grows_is_no_finding),
		cmocka_unit_test(a_process_that_just_started_fills_its_pools),
		cmocka_unit_test(without_lists_growth_is_a_candidate),
		cmocka_unit_test(samples_of_which_none_stayed_are_traffic),
		cmocka_unit_test(who_moves_to_another_group_has_left_the_first),
		cmocka_unit_test(groups_that_labels_tell_apart_grow_together),
		cmocka_unit_test(samples_of_labelled_groups_add_up),
		cmocka_unit_test(what_is_proven_stays_so_when_it_grew),
		cmocka_unit_test(counts_beyond_all_measure_are_capped),
		cmocka_unit_test(numbers_are_matched_by_name),
		cmocka_unit_test(a_variable_that_grows_is_a_finding_with_its_bytes),
		cmocka_unit_test(sites_are_matched_and_the_largest_change_is_first),
		cmocka_unit_test(timers_that_became_more_are_a_candidate),
		cmocka_unit_test(a_pile_of_timers_is_one_in_a_comparison_too),
		cmocka_unit_test(timers_that_are_not_known_or_no_more_are_no_finding),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
