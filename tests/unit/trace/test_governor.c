// SPDX-License-Identifier: Apache-2.0
#include "../unit.h"

#include <math.h>

#include "base/cleanup.h"
#include "trace/governor.h"

static void near(double a, double b, double within)
{
	if (!(fabs(a - b) <= within))
		fail_msg("%g is not within %g of %g", a, within, b);
}

static struct governor_item item(uint64_t hits, double armed_s, double hit_ns)
{
	return (struct governor_item){ .hits = hits, .armed_s = armed_s, .hit_ns = hit_ns,
				       .weight = 1, .full_cores = -1 };
}

static void a_busy_collector_gets_what_the_budget_pays_for(void **state)
{
	struct governor g = { .percent = 1 };
	const struct governor_time t = { .elapsed_s = 1, .target_cpu_s = 1 };
	/* 1 M hits a second of 2 us: two cores at full time. */
	struct governor_item i = item(5000, 0.005, 2000);

	(void)state;
	governor_step(&g, &t, &i, 1);
	near(i.spent_cores, 0.01, 1e-9);
	near(i.full_cores, 2, 0.08);
	near(i.duty, 0.005, 0.0003);
}

static void what_is_cheap_stays_on_and_gives_the_rest_away(void **state)
{
	struct governor g = { .percent = 1 };
	const struct governor_time t = { .elapsed_s = 1, .target_cpu_s = 1 };
	struct governor_item i[] = { item(10, 0.1, 1000), item(1000, 0.001, 1000) };

	(void)state;
	governor_step(&g, &t, i, ARRAY_SIZE(i));
	assert_true(i[0].duty == 1);
	/* 1 %, and a sixtieth of what this step has left over of its own. */
	near(i[1].duty * i[1].full_cores + i[0].full_cores, 0.01 + 0.009 / 60, 1e-4);
	assert_true(i[1].duty > 0);
}

static void the_same_load_over_and_over_costs_the_budget(void **state)
{
	struct governor g = { .percent = 1 };
	struct governor_item i[] = { item(0, 0, 1600), item(0, 0, 1600), item(0, 0, 2000) };
	const double rates[] = { 2e6, 3e4, 4e5 };
	double spent = 0, duty[3] = { 0.005, 0.005, 0.005 };

	(void)state;
	for (int step = 0; step < 200; step++) {
		struct governor_time t = { .elapsed_s = 5, .target_cpu_s = 5 * 1.5,
					   .own_cpu_s = 5 * 0.002 };

		for (size_t k = 0; k < ARRAY_SIZE(i); k++) {
			i[k].armed_s = 5 * duty[k];
			i[k].hits = (uint64_t)(rates[k] * i[k].armed_s);
			t.target_cpu_s += (double)i[k].hits * i[k].hit_ns / 1e9;
		}
		spent += 5 * governor_step(&g, &t, i, ARRAY_SIZE(i));
		for (size_t k = 0; k < ARRAY_SIZE(i); k++)
			duty[k] = i[k].duty;
	}
	/* 1 % of 1.5 cores, loiter's own 0.002 among it. */
	near(spent / 1000, 0.015, 0.0003);
}

static void a_jump_of_the_rate_is_paid_back(void **state)
{
	struct governor g = { .percent = 1 };
	struct governor_item i = item(0, 0, 2000);
	double spent = 0, duty = 1;

	(void)state;
	for (int step = 0; step < 60; step++) {
		const struct governor_time t = { .elapsed_s = 1, .target_cpu_s = 1 };
		double rate = step < 20 ? 100 : 50000;

		i.armed_s = duty;
		i.hits = (uint64_t)(rate * duty);
		spent += governor_step(&g, &t, &i, 1);
		duty = i.duty;
	}
	assert_true(spent <= 60 * 0.01 * 1.02);
}

static void nothing_is_left_when_loiter_itself_needs_it_all(void **state)
{
	struct governor g = { .percent = 1 };
	const struct governor_time t = { .elapsed_s = 1, .target_cpu_s = 1, .own_cpu_s = 0.02 };
	struct governor_item i = item(1000, 0.01, 1000);

	(void)state;
	/* Once may be an accident. */
	governor_step(&g, &t, &i, 1);
	assert_true(i.duty > 0);
	governor_step(&g, &t, &i, 1);
	assert_true(i.duty == 0);
}

static void switching_is_paid_of_what_is_left(void **state)
{
	struct governor g = { .percent = 1 };
	const struct governor_time t = { .elapsed_s = 1, .target_cpu_s = 1, .own_cpu_s = 0.004,
					 .switch_cpu_s = 0.004 };
	struct governor_item dear = item(1000, 0.01, 1000), free = dear;

	(void)state;
	dear.switch_s = 0.004;
	governor_step(&g, &t, &free, 1);
	g = (struct governor){ .percent = 1 };
	governor_step(&g, &t, &dear, 1);
	assert_true(dear.duty > 0 && dear.duty < 0.7 * free.duty);
	/* Less than a burst a second costs: there are fewer. */
	dear.switch_s = 1;
	governor_step(&g, &t, &dear, 1);
	assert_true(dear.duty > 0 && dear.duty < 0.0001);
}

static void an_idle_target_has_the_floor(void **state)
{
	struct governor g = { .percent = 1, .floor_cores = 0.001 };
	const struct governor_time t = { .elapsed_s = 1 };
	struct governor_item i = item(0, 0.005, 1000);

	(void)state;
	near(governor_budget(&g, 0.0), 0.001, 1e-12);
	near(governor_budget(&g, 2.0), 0.02, 1e-12);
	governor_step(&g, &t, &i, 1);
	assert_true(i.duty == 1);
}

static void what_is_always_on_is_paid_first(void **state)
{
	struct governor g = { .percent = 1 };
	const struct governor_time t = { .elapsed_s = 1, .target_cpu_s = 1 };
	struct governor_item i[] = { item(4000, 1, 1000), item(100000, 0.1, 1000) };

	(void)state;
	i[0].always = true;
	/* So that this step leaves no debt behind: 1 % of what the target used but for the probes. */
	g.debt_s = -(0.104 - 0.01 * (1 - 0.104));
	governor_step(&g, &t, i, ARRAY_SIZE(i));
	near(g.debt_s, 0, 1e-9);
	assert_true(i[0].duty == 1);
	near(i[1].duty, 0.0048, 0.0002);
}

static void never_measured_means_no_share(void **state)
{
	struct governor g = { .percent = 1, .floor_cores = 0.01 };
	const struct governor_time t = { .elapsed_s = 1, .target_cpu_s = 1 };
	struct governor_item i = item(0, 0, 1000);

	(void)state;
	governor_step(&g, &t, &i, 1);
	assert_true(i.duty == 0);
	assert_true(i.full_cores < 0);
}

static void bursts_keep_their_share_and_have_no_period(void **state)
{
	const double duties[] = { 0.0005, 0.003, 0.01, 0.2, 0.9 };
	uint64_t seed = 42;

	(void)state;
	for (size_t k = 0; k < ARRAY_SIZE(duties); k++) {
		double on = 0, all = 0, shortest = INFINITY, longest = 0;

		for (int n = 0; n < 20000; n++) {
			struct burst_plan p = governor_burst(duties[k], false, &seed);

			/* Once a second at most, 5 ms at least where that is not too rare. */
			assert_true(p.on_s > 0 && p.on_s <= 1.25 * fmax(0.005, duties[k]));
			on += p.on_s;
			all += p.on_s + p.off_s;
			shortest = fmin(shortest, p.on_s + p.off_s);
			longest = fmax(longest, p.on_s + p.off_s);
		}
		near(on / all / duties[k], 1, 0.02);
		assert_true(longest > 1.5 * shortest);
	}
}

static void slow_probes_have_long_and_rare_bursts(void **state)
{
	double on = 0, all = 0;
	uint64_t seed = 7;

	(void)state;
	for (int n = 0; n < 20000; n++) {
		struct burst_plan p = governor_burst(0.02, true, &seed);

		assert_true(p.on_s >= 0.149 && p.on_s <= 0.251);
		on += p.on_s;
		all += p.on_s + p.off_s;
	}
	near(on / all / 0.02, 1, 0.02);
	/* No more than 30 s (+50 %) off, so that something is seen. */
	assert_true(governor_burst(0.001, true, &seed).off_s <= 45);
}

static void the_ends_of_the_scale_are_on_and_off(void **state)
{
	uint64_t seed = 1;

	(void)state;
	assert_true(governor_burst(1, false, &seed).off_s == 0);
	assert_true(governor_burst(7, false, &seed).off_s == 0);
	assert_true(governor_burst(0, false, &seed).on_s == 0);
	assert_true(governor_burst(-1, false, &seed).on_s == 0);
	assert_true(governor_burst(NAN, false, &seed).on_s == 0);
	assert_true(governor_burst(0, false, &seed).off_s <= 45);
}

static void bounds_are_those_of_poisson(void **state)
{
	struct rate r = rate_of(10, 1, 20, 1);

	(void)state;
	/* The exact ones of 10: 4.795 and 18.39; of 0: 0 and 3.689; of 100: 81.36 and 121.6. */
	near(r.per_s, 10, 1e-9);
	near(r.low, 4.795, 0.05);
	near(r.high, 18.39, 0.05);
	near(r.seen, 0.05, 1e-9);
	r = rate_of(0, 2, 2, 1);
	assert_true(r.low == 0);
	near(r.high, 3.689 / 2, 0.05);
	r = rate_of(100, 1, 1, 1);
	near(r.low, 81.36, 0.1);
	near(r.high, 121.6, 0.1);
	assert_true(rate_of(100, 1, 1, 4).high > 135);
	assert_true(isinf(rate_of(0, 0, 5, 1).high));
}

static void clusters_widen_the_bounds(void **state)
{
	const uint64_t even[] = { 10, 10, 20, 10, 10 }, odd[] = { 0, 40, 0, 0, 0, 40, 0, 0, 0, 0 };
	const double long_third[] = { 1, 1, 2, 1, 1 }, alike[] = { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 };
	struct dispersion d = { 0 };

	(void)state;
	for (int n = 0; n < 10; n++)
		dispersion_add(&d, even, long_third, ARRAY_SIZE(even));
	/* Chi-square is 0; of 8 degrees of freedom. */
	near(dispersion_of(&d), 1.19 * 1.19, 0.05);
	d = (struct dispersion){ 0 };
	for (int n = 0; n < 10; n++)
		dispersion_add(&d, odd, alike, ARRAY_SIZE(odd));
	/* 35.6, of 18 degrees. */
	near(dispersion_of(&d), 35.6 * 1.07 * 1.07, 1);
}

static void a_change_between_intervals_is_no_cluster(void **state)
{
	const double armed[] = { 1, 1, 1, 1, 1, 1 };
	struct dispersion d = { 0 };

	(void)state;
	for (int n = 0; n < 20; n++) {
		uint64_t counts[6];

		for (size_t i = 0; i < ARRAY_SIZE(counts); i++)
			counts[i] = n % 2 ? 100 : 1000;
		dispersion_add(&d, counts, armed, ARRAY_SIZE(counts));
	}
	assert_true(dispersion_of(&d) < 1.4);
}

static void a_single_burst_says_little(void **state)
{
	struct dispersion d = { 0 };

	(void)state;
	dispersion_add(&d, (const uint64_t[]){ 1000 }, (const double[]){ 0.005 }, 1);
	/* Student's t of one degree: 12.7 instead of 1.96. */
	near(sqrt(dispersion_of(&d)), 12.7 / 1.96, 0.2);
}

static void a_target_that_never_waits_does_more_when_nobody_looks(void **state)
{
	const struct rate seen = rate_of(10000, 0.1, 10, 1);
	struct slowdown s = { .armed = 1, .usual = 1, .probes = 0.5 };
	struct rate r = rate_unslowed(seen, &s);

	(void)state;
	/* A core of which probes take half. */
	near(r.per_s, 199e3, 1e3);
	assert_true(r.low == seen.low && r.high > 350e3 && r.high < 500e3);
	/* It takes half a core more: nothing that it does is held up by that. */
	s.armed = 1.5;
	near(rate_unslowed(seen, &s).per_s, 100e3, 1);
	near(rate_unslowed(seen, &s).high, 1.33 * seen.high, 0.01 * seen.high);
	/* All that it used went into probes: what is left to go by is what a core can do. */
	s.armed = 0.5;
	s.events = 200e3;
	near(rate_unslowed(seen, &s).high, 100 * seen.high, 2 * seen.high);
	/* Who is always looked at does what is seen. */
	s.armed = 1;
	near(rate_unslowed(rate_of(10000, 10, 10, 1), &s).per_s, 1000, 1);
	near(rate_unslowed(seen, &(struct slowdown){ .armed = 1 }).high, seen.high, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_busy_collector_gets_what_the_budget_pays_for),
		cmocka_unit_test(what_is_cheap_stays_on_and_gives_the_rest_away),
		cmocka_unit_test(the_same_load_over_and_over_costs_the_budget),
		cmocka_unit_test(a_jump_of_the_rate_is_paid_back),
		cmocka_unit_test(nothing_is_left_when_loiter_itself_needs_it_all),
		cmocka_unit_test(switching_is_paid_of_what_is_left),
		cmocka_unit_test(an_idle_target_has_the_floor),
		cmocka_unit_test(what_is_always_on_is_paid_first),
		cmocka_unit_test(never_measured_means_no_share),
		cmocka_unit_test(bursts_keep_their_share_and_have_no_period),
		cmocka_unit_test(slow_probes_have_long_and_rare_bursts),
		cmocka_unit_test(the_ends_of_the_scale_are_on_and_off),
		cmocka_unit_test(bounds_are_those_of_poisson),
		cmocka_unit_test(clusters_widen_the_bounds),
		cmocka_unit_test(a_change_between_intervals_is_no_cluster),
		cmocka_unit_test(a_single_burst_says_little),
		cmocka_unit_test(a_target_that_never_waits_does_more_when_nobody_looks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
