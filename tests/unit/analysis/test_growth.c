// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "../unit.h"

#include "analysis/growth.h"
#include "analysis/verdict.h"

/*
 * Each test plays looks to a tracker: of one site, or two, how many goroutines came and how many
 * of them left. `player` keeps the goroutines as a reader would: since when each is there.
 */
enum { MEMBERS = 4096 };

struct player {
	struct growth *growth;
	struct snapshot *last;
	struct interval now;
	uint32_t unread;	/* members that the next looks cannot read */
	uint32_t awake;		/* members that run at the next looks */
	double every_s, early_s;	/* the last one comes so much sooner */
	uint32_t since[MEMBERS];	/* looks that first saw them, oldest first */
	uint32_t n;
	struct group group;
};

#define FRAME(name) { .pc = 0x401000, .entry = 0x400000, .function = (name), \
		      .file = "/src/app/file.go", .line = 12 }

static const struct frame send_frames[] = {
	FRAME("runtime.gopark"), FRAME("runtime.chansend"), FRAME("main.f"),
};
static const struct frame sleep_frames[] = {
	FRAME("runtime.gopark"), FRAME("time.Sleep"), FRAME("main.f"),
};
static const struct frame cgo_frames[] = {
	FRAME("runtime.cgocall"), FRAME("main._Cfunc_wait"), FRAME("main.f"),
};

#define STACK(f) { .frames = (f), .n = ARRAY_SIZE(f) }

static void begin(struct player *p)
{
	*p = (struct player){
		.growth = growth_new(), .every_s = 5,
		.group = { .id = 1, .site = 1, .state = GO_WAITING, .wait_reason = "chan send",
			   .stack = STACK(send_frames), .created_by = FRAME("main.g") },
	};
	assert_non_null(p->growth);
}

static void end(struct player *p)
{
	growth_free(p->growth);
	snapshot_free(p->last);
}

/* `came` more are there, and `left` of the oldest are gone. */
static const struct site *look(struct player *p, uint32_t came, uint32_t left)
{
	struct look next = growth_next(p->growth);
	struct snapshot *s = snapshot_new();
	struct group_past past = { .arrived = came, .awake = p->awake };

	assert_non_null(s);
	assert_true(left <= p->n && p->n - left + came <= MEMBERS);
	memmove(p->since, p->since + left, (p->n - left) * sizeof(*p->since));
	p->n -= left;
	for (uint32_t i = 0; i < came; i++)
		p->since[p->n++] = next.number;
	for (uint32_t i = 0; i < p->n; i++)
		for (size_t m = 0; m < INTERVAL_MARKS; m++)
			past.stayed[m] += p->since[i] <= next.marks[m];
	memcpy(past.same_park, past.stayed, sizeof(past.stayed));
	s->groups = &p->group;
	s->n_groups = p->n > 0;
	s->total = p->n;
	p->group.count = p->n - p->unread - p->awake;
	p->group.stack_bytes = p->n * 2048ull;
	p->now.elapsed_s = next.number * p->every_s - p->early_s;
	assert_int_equal(growth_add(p->growth, s, &past, &p->now), 0);
	snapshot_free(p->last);
	p->last = s;
	return p->now.n_sites ? &p->now.sites[0] : NULL;
}

static bool ever(struct player *p, uint32_t looks, uint32_t came, uint32_t left)
{
	bool grew = false;

	for (uint32_t i = 0; i < looks; i++) {
		const struct site *site = look(p, came, left);

		grew = grew || (site && site->grows);
	}
	return grew;
}

static void arrivals_that_stay_are_suspect_from_the_sixth_look_on(void **state)
{
	const struct site *site;
	struct player p;

	(void)state;
	begin(&p);
	look(&p, 3, 0);
	assert_false(ever(&p, GROWTH_LOOKS - 1, 100, 0));
	site = look(&p, 100, 0);
	assert_true(site->grows);
	assert_int_equal(site->verdict, VERDICT_SUSPECT);
	assert_string_equal(site->pattern, "growing-group");
	assert_int_equal(site->count, 503);
	assert_int_equal(site->delta, 100);
	assert_int_equal(site->arrived, 100);
	assert_true(site->rate_per_min > 1199 && site->rate_per_min < 1201);
	assert_int_equal(site->cohort.then, 203);
	assert_int_equal(site->cohort.now, 203);
	assert_true(site->cohort.age_s > 14.9 && site->cohort.age_s < 15.1);
	assert_string_equal(growth_sentence(p.last->arena, site),
			    "+1,200 a minute, 0 of 203 left in 15 s; 1 GiB in 7 h");
	end(&p);
}

static void whoever_could_not_be_read_then_was_there_all_the_same(void **state)
{
	const struct site *site;
	struct player p;

	(void)state;
	begin(&p);
	look(&p, 3, 0);
	look(&p, 100, 0);
	p.unread = 10;
	look(&p, 100, 0);
	p.unread = 0;
	assert_false(ever(&p, GROWTH_LOOKS - 3, 100, 0));
	site = look(&p, 100, 0);
	assert_true(site->grows);
	assert_int_equal(site->cohort.then, 203);
	assert_int_equal(site->cohort.now, 203);
	end(&p);
}

static void whoever_is_awake_just_now_has_not_left(void **state)
{
	const struct site *site;
	struct player p;

	(void)state;
	begin(&p);
	look(&p, 3, 0);
	assert_true(ever(&p, GROWTH_LOOKS + 2, 100, 0));
	p.awake = 300;
	site = look(&p, 100, 0);
	assert_true(site->grows);
	assert_int_equal(site->count, 503);
	assert_int_equal(site->delta, 100);
	assert_int_equal(site->cohort.then, site->cohort.now);
	end(&p);
}

static void a_last_look_that_comes_soon_ends_no_growth(void **state)
{
	struct player p;

	(void)state;
	begin(&p);
	look(&p, 3, 0);
	assert_true(ever(&p, GROWTH_LOOKS + 2, 20, 0));
	p.early_s = 4.9;
	assert_true(look(&p, 0, 0)->grows);
	/* A whole step after that one, in which nobody came either. */
	p.early_s = 0;
	assert_false(look(&p, 0, 0)->grows);
	end(&p);
}

static void a_leak_that_begins_later_is_found_too(void **state)
{
	struct player p;

	(void)state;
	begin(&p);
	assert_false(ever(&p, 100, 0, 0));
	look(&p, 40, 0);
	assert_false(ever(&p, 100, 0, 0));
	assert_true(ever(&p, 24, 10, 0));
	end(&p);
}

static void a_slow_leak_shows_in_the_whole_run(void **state)
{
	struct player p;
	bool grew = false;

	(void)state;
	begin(&p);
	look(&p, 10, 0);
	/* One in two minutes: the recent window sees one, which proves nothing. */
	for (int i = 0; i < 40; i++)
		grew = ever(&p, 24, 0, 0) || look(&p, 1, 0)->grows || grew;
	assert_true(grew);
	end(&p);
}

static void a_burst_that_drains_is_no_growth(void **state)
{
	struct player p;

	(void)state;
	begin(&p);
	look(&p, 1, 0);
	for (int i = 0; i < 20; i++) {
		assert_false(ever(&p, 4, 100, 0));
		assert_false(ever(&p, 4, 0, 100));
	}
	end(&p);
}

static void a_pool_that_fills_once_is_no_growth(void **state)
{
	struct player p;

	(void)state;
	begin(&p);
	look(&p, 1, 0);
	assert_false(ever(&p, 4, 50, 0));
	assert_false(ever(&p, 100, 0, 0));
	end(&p);
}

static void a_cache_that_warms_up_is_no_growth(void **state)
{
	static const uint32_t came[] = { 100, 60, 35, 20, 12, 7, 4, 2, 1, 1 };
	struct player p;

	(void)state;
	begin(&p);
	look(&p, 1, 0);
	for (size_t i = 0; i < ARRAY_SIZE(came); i++)
		assert_false(look(&p, came[i], 0)->grows);
	assert_false(ever(&p, 60, 0, 0));
	end(&p);
}

static void slow_but_bounded_work_is_no_growth(void **state)
{
	struct player p;

	(void)state;
	begin(&p);
	/* Each takes three looks: it fills up, then as many leave as come. */
	assert_false(ever(&p, 3, 100, 0));
	assert_false(ever(&p, 100, 100, 100));
	end(&p);
}

static void rising_traffic_among_idle_ones_is_no_growth(void **state)
{
	struct player p;
	uint32_t load = 1;

	(void)state;
	begin(&p);
	look(&p, 1000, 0);
	for (int i = 0; i < 20; i++) {
		struct look next = growth_next(p.growth);

		/* All but the thousand come anew each time. */
		for (uint32_t k = 1000; k < p.n; k++)
			p.since[k] = next.number;
		assert_false(look(&p, load, 0)->grows);
		load++;
	}
	end(&p);
}

static void what_leaves_no_more_is_calm_again(void **state)
{
	const struct site *site;
	struct player p;

	(void)state;
	begin(&p);
	assert_true(ever(&p, 10, 10, 0));
	site = look(&p, 0, 100);
	assert_null(site);
	site = look(&p, 3, 0);
	assert_false(site->grows);
	end(&p);
}

static void a_wait_whose_end_is_near_has_the_time_to_end(void **state)
{
	struct player p;

	(void)state;
	begin(&p);
	p.group.wait_reason = "sleep";
	p.group.stack = (struct stack)STACK(sleep_frames);
	p.group.blocked_on = (struct wait_object){ .kind = WAIT_TIMER, .known = true,
						   .timer.left_ns = 60000000000ll };
	/* A minute's sleep: a bounded set of these grows for a minute. */
	assert_false(ever(&p, 12, 10, 0));
	assert_false(ever(&p, 30, 10, 10));
	end(&p);

	begin(&p);
	p.group.wait_reason = "sleep";
	p.group.stack = (struct stack)STACK(sleep_frames);
	p.group.blocked_on = (struct wait_object){ .kind = WAIT_TIMER, .known = true,
						   .timer.left_ns = 3600000000000ll };
	assert_true(ever(&p, 8, 10, 0));
	assert_string_equal(p.now.sites[0].pattern, "sleeping");
	end(&p);
}

static void begin_in_c(struct player *p)
{
	begin(p);
	p->group.state = GO_SYSCALL;
	p->group.wait_reason = NULL;
	p->group.stack = (struct stack)STACK(cgo_frames);
	p->group.n_samples = 1;
	p->group.sample_tids[0] = 42;
}

static void many_threads_in_one_c_call_need_not_grow(void **state)
{
	struct snapshot *s;
	struct player p;

	(void)state;
	begin_in_c(&p);
	p.now.threads = 210;
	p.now.cpus = 4;
	look(&p, 200, 0);
	for (uint32_t i = 1; i <= GROWTH_LOOKS; i++)
		assert_int_equal(look(&p, 0, 0)->grows, i == GROWTH_LOOKS);
	assert_string_equal(p.now.sites[0].pattern, "cgo-threads");
	assert_true(p.now.sites[0].held);
	s = snapshot_new();
	assert_string_equal(growth_sentence(s->arena, &p.now.sites[0]),
			    "200 of 200 have been in that very call for at least 25 s");
	s->groups = &p.group;
	s->n_groups = 1;
	assert_int_equal(growth_judge(s, &p.now), 0);
	assert_int_equal(s->n_findings, 1);
	assert_string_equal(s->findings[0].summary, "200 goroutines are in C, called from here");
	assert_string_equal(s->findings[0].evidence[1], "each holds a thread of the system, such as 42");
	assert_string_equal(s->findings[0].evidence[2],
			    "they are 200 of the process's 210 threads, on 4 CPUs");
	snapshot_free(s);
	/* For as long as one can tell. */
	for (uint32_t i = 0; i < 60; i++)
		assert_true(look(&p, 0, 0)->held);
	assert_int_equal((int)p.now.sites[0].cohort.age_s, (GROWTH_LOOKS + 60) * 5);
	end(&p);
}

/* A library's loops, a pool of workers, a batch: as long as they do not grow. */
static void threads_in_c_are_mostly_healthy(void **state)
{
	static const struct {
		uint32_t n, cpus, back;	/* goroutines, and those who come back from C each look */
		double every_s;
		bool held;
	} cases[] = {
		{ 64, 2, 0, 5, true },	 { 63, 2, 0, 5, false },   { 200, 100, 0, 5, false },
		{ 201, 100, 0, 5, true }, { 200, 4, 50, 5, false }, { 200, 4, 200, 5, false },
		{ 200, 4, 0, 0.5, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct player p;
		bool held = false;

		begin_in_c(&p);
		p.every_s = cases[i].every_s;
		p.now.cpus = cases[i].cpus;
		p.now.threads = 1000;
		look(&p, cases[i].n, 0);
		for (int k = 0; k < 12; k++)
			held |= look(&p, cases[i].back, cases[i].back)->held;
		assert_int_equal(held, cases[i].held);
		end(&p);
	}
}

static void a_rising_number_of_threads_is_said(void **state)
{
	struct player p;

	(void)state;
	begin(&p);
	p.now.threads = 20;
	look(&p, 1, 0);
	for (uint32_t i = 1; i <= 12; i++) {
		p.now.threads += 4;
		look(&p, 0, 0);
		assert_int_equal(p.now.threads_climb, i >= GROWTH_LOOKS);
	}
	assert_int_equal((int)(p.now.threads_rate_per_min + 0.5), 48);
	/* As many go as come. */
	look(&p, 0, 0);
	look(&p, 0, 0);
	assert_false(p.now.threads_climb);
	end(&p);
}

static void io_is_named_by_its_deadline_and_by_who_waits(void **state)
{
	static const struct frame own[] = {
		FRAME("runtime.gopark"), FRAME("net.(*conn).Read"), FRAME("main.f"),
	};
	static const struct frame library[] = {
		FRAME("runtime.gopark"), FRAME("net.(*conn).Read"),
		FRAME("net/rpc.(*Client).input"),
	};
	const struct wait_fd fd = { .fd = 7, .proto = "tcp", .tcp_state = "ESTABLISHED",
				    .deadline_known = true };
	const struct {
		struct stack stack;
		bool deadline;
		const char *pattern;
	} cases[] = {
		{ STACK(own), false, "io-no-deadline" },
		{ STACK(library), false, "held-connections" },
		{ STACK(own), true, "growing-group" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct player p;

		begin(&p);
		p.group.wait_reason = "IO wait";
		p.group.stack = cases[i].stack;
		p.group.blocked_on = (struct wait_object){ .kind = WAIT_FD, .known = true,
							   .fd = fd };
		p.group.blocked_on.fd.has_deadline = cases[i].deadline;
		p.group.blocked_on.fd.deadline_left_ns = 3600000000000ll;
		assert_true(ever(&p, 8, 10, 0));
		assert_string_equal(p.now.sites[0].pattern, cases[i].pattern);
		end(&p);
	}
}

static void growth_becomes_a_finding_of_the_closing_snapshot(void **state)
{
	struct snapshot *s = snapshot_new();
	struct group groups[2];
	struct player p;

	(void)state;
	begin(&p);
	assert_true(ever(&p, 8, 100, 0));
	groups[0] = (struct group){ .id = 7, .site = 7, .count = 5000, .state = GO_WAITING };
	groups[1] = p.group;
	s->groups = groups;
	s->n_groups = 2;
	assert_int_equal(verdict_judge(s), 0);
	assert_int_equal(growth_judge(s, &p.now), 0);
	assert_int_equal(s->n_findings, 1);
	assert_string_equal(s->findings[0].pattern, "growing-group");
	assert_string_equal(s->findings[0].site, "main.f file.go:12");
	assert_string_equal(s->findings[0].summary, "800 goroutines wait here");
	/* It comes first now, and the finding says where. */
	assert_int_equal(s->findings[0].group, 0);
	assert_int_equal(s->groups[0].site, 1);
	assert_int_equal(s->groups[0].verdict, VERDICT_SUSPECT);
	assert_int_equal(s->groups[1].verdict, VERDICT_UNKNOWN);
	snapshot_free(s);
	end(&p);
}

static void rss_that_climbs_alone_is_said(void **state)
{
	struct player p;
	bool climbs = false;

	(void)state;
	begin(&p);
	for (uint32_t i = 0; i < 10; i++) {
		p.now.rss_bytes = 100000000ull + i * 4000000ull;
		look(&p, i == 0 ? 10 : 0, 0);
		climbs = climbs || p.now.rss_climbs_alone;
	}
	assert_true(climbs);
	end(&p);

	begin(&p);
	for (uint32_t i = 0; i < 10; i++) {
		p.now.rss_bytes = 100000000ull + (i < 3 ? i : 3) * 40000000ull;
		look(&p, i == 0 ? 10 : 0, 0);
		assert_false(p.now.rss_climbs_alone);
	}
	end(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arrivals_that_stay_are_suspect_from_the_sixth_look_on),
		cmocka_unit_test(whoever_could_not_be_read_then_was_there_all_the_same),
		cmocka_unit_test(whoever_is_awake_just_now_has_not_left),
		cmocka_unit_test(a_last_look_that_comes_soon_ends_no_growth),
		cmocka_unit_test(a_leak_that_begins_later_is_found_too),
		cmocka_unit_test(a_slow_leak_shows_in_the_whole_run),
		cmocka_unit_test(a_burst_that_drains_is_no_growth),
		cmocka_unit_test(a_pool_that_fills_once_is_no_growth),
		cmocka_unit_test(a_cache_that_warms_up_is_no_growth),
		cmocka_unit_test(slow_but_bounded_work_is_no_growth),
		cmocka_unit_test(rising_traffic_among_idle_ones_is_no_growth),
		cmocka_unit_test(what_leaves_no_more_is_calm_again),
		cmocka_unit_test(a_wait_whose_end_is_near_has_the_time_to_end),
		cmocka_unit_test(many_threads_in_one_c_call_need_not_grow),
		cmocka_unit_test(threads_in_c_are_mostly_healthy),
		cmocka_unit_test(a_rising_number_of_threads_is_said),
		cmocka_unit_test(io_is_named_by_its_deadline_and_by_who_waits),
		cmocka_unit_test(growth_becomes_a_finding_of_the_closing_snapshot),
		cmocka_unit_test(rss_that_climbs_alone_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
