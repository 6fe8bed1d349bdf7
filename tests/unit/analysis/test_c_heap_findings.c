// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <string.h>

#include "../unit.h"

#include "analysis/c_heap_findings.h"

#define KIB 1024ull
#define FRAME(name) { .pc = 0x401000, .entry = 0x400000, .function = (name), \
		      .file = "/src/app/file.go", .line = 12 }
#define STACK(f) { .frames = (f), .n = ARRAY_SIZE(f) }

static const struct frame c_frames[] = {
	FRAME("new_image"), FRAME("decode"), FRAME("_cgo_fc915cceb9d9_Cfunc_decode"),
};
static const struct frame go_frames[] = {
	FRAME("runtime.cgocall"), FRAME("main._Cfunc_decode"), FRAME("main.handle"),
	FRAME("runtime.goexit"),
};

/* The last answer to one look a second. */
static struct c_heap_growth grow(const uint64_t *kib, size_t n)
{
	CLEANUP(c_heap_trend_free_p) struct c_heap_trend *t = c_heap_trend_new();
	struct c_heap_growth g = { 0 };

	for (size_t i = 0; i < n; i++)
		g = c_heap_trend_add(t, (double)i, kib[i] * KIB);
	return g;
}
#define GROW(...) grow((const uint64_t[]){ __VA_ARGS__ }, \
		       sizeof((uint64_t[]){ __VA_ARGS__ }) / sizeof(uint64_t))

static void a_heap_that_rises_in_each_third_grows(void **state)
{
	struct c_heap_growth g = GROW(1000, 1132, 1264, 1396, 1528, 1660, 1792);

	(void)state;
	assert_true(g.grows);
	assert_int_equal((int)(g.per_min / KIB), 7920);
	/* In steps, with looks between them. */
	assert_true(GROW(1000, 1000, 1132, 1132, 1132, 1264, 1264, 1264, 1396, 1396).grows);
	assert_false(GROW(1000, 1132, 1264, 1396).grows);
	assert_false(GROW(1000, 2000, 2000, 2000, 2000, 2000, 2000).grows);
	assert_false(GROW(1000, 1001, 1002, 1003, 1004, 1005, 1006).grows);
	assert_false(GROW(2000, 1800, 1900, 2000, 2100, 2000, 1900).grows);
	/* Unknown at first, or now. */
	assert_false(GROW(0, 1132, 1264, 1396, 1528, 1660, 1792).grows);
	assert_false(GROW(1000, 1132, 1264, 1396, 1528, 1660, 0).grows);
	assert_false(GROW(0, 0, 0, 0, 0, 0, 0, 0).grows);
}

static void a_slow_leak_shows_over_the_whole_run(void **state)
{
	CLEANUP(c_heap_trend_free_p) struct c_heap_trend *t = c_heap_trend_new();
	bool grew = false;

	(void)state;
	/* One step in 40 looks. */
	for (unsigned int i = 0; i < 400; i++)
		grew = c_heap_trend_add(t, i * 5.0, (1000 + i / 40 * 132) * KIB).grows;
	assert_true(grew);
}

static struct c_heap_site site(uint64_t aged, double share, bool candidate)
{
	return (struct c_heap_site){ .c = STACK(c_frames), .go = STACK(go_frames),
				     .survivors = aged + 5, .here = aged + 5, .aged = aged,
				     .aged_bytes = aged * 128, .oldest_ns = 34000000000u,
				     .share = share, .candidate = candidate };
}

static uint32_t count(struct c_heap_site s, bool grows)
{
	CLEANUP(arena_free_p) struct arena *a = arena_new();
	const struct c_heap h = { .sites = &s, .n_sites = 1 };
	const struct c_heap_growth g = { .grows = grows, .per_min = 1e6, .window_s = 60 };
	const struct finding *found;
	uint32_t n;

	assert_int_equal(c_heap_findings(&h, &g, 10, NULL, a, &found, &n), 0);
	return n;
}

static void only_candidates_with_weight_in_a_heap_that_grows(void **state)
{
	(void)state;
	assert_int_equal(count(site(40, 0.5, true), true), 1);
	assert_int_equal(count(site(40, 0.5, true), false), 0);
	assert_int_equal(count(site(40, 0.5, false), true), 0);
	assert_int_equal(count(site(7, 0.5, true), true), 0);
	assert_int_equal(count(site(40, 0.01, true), true), 0);
}

static struct c_heap_site suspect(uint64_t aged, double share)
{
	struct c_heap_site s = site(aged, share, true);

	s.suspect = true;
	s.untouched = 4;
	s.watched_s = 35.3;
	return s;
}

static void of_a_suspect_less_is_needed(void **state)
{
	(void)state;
	assert_int_equal(count(suspect(3, 0.01), true), 1);
	assert_int_equal(count(suspect(3, 0.004), true), 0);
	assert_int_equal(count(suspect(40, 0.5), false), 0);
}

/* The verdict and last line of evidence of one site, beside another that is in use. */
static enum verdict last_line(struct c_heap_site s, const char *unwatched, char *line, size_t len)
{
	CLEANUP(arena_free_p) struct arena *a = arena_new();
	struct c_heap_site sites[] = { s, site(1000, 0, false) };
	const struct c_heap h = { .sites = sites, .n_sites = 2, .unwatched = unwatched };
	const struct c_heap_growth g = { .grows = true, .per_min = 8 << 20, .window_s = 60 };
	const struct finding *f;
	uint32_t n;

	sites[1].in_use = true;
	assert_int_equal(c_heap_findings(&h, &g, 10, NULL, a, &f, &n), 0);
	assert_int_equal(n, 1);
	/* What is in use is no part of what the heap grows by. */
	assert_non_null(strstr(f->evidence[f->n_evidence - 2], "of all 40 such"));
	snprintf(line, len, "%s", f->evidence[f->n_evidence - 1]);
	assert_non_null(f->summary);
	assert_non_null(f->advice);
	return f->verdict;
}

static void what_was_done_to_tell_it_from_a_cache_is_said(void **state)
{
	struct c_heap_site s = site(40, 1, true);
	char line[512];

	(void)state;
	assert_int_equal(last_line(s, NULL, line, sizeof(line)), VERDICT_CANDIDATE);
	assert_non_null(strstr(line, "a candidate and no more: "));
	assert_non_null(strstr(line, "so far none of them were watched by the processor to the end"));
	s.untouched = 2;
	assert_int_equal(last_line(s, NULL, line, sizeof(line)), VERDICT_CANDIDATE);
	assert_non_null(strstr(line, "so far 2 of them"));
	assert_int_equal(last_line(s, "it has too many threads", line, sizeof(line)),
			 VERDICT_CANDIDATE);
	assert_non_null(strstr(line, "cannot be seen: it has too many threads"));
	assert_int_equal(last_line(suspect(40, 1), NULL, line, sizeof(line)), VERDICT_SUSPECT);
	assert_string_equal(line, "4 of them, chosen at random, were watched by the processor for "
				  "35 s or more: nothing read, wrote or freed them, and their "
				  "contents and headers are what they were");
}

static void a_finding_says_where_how_much_and_how_sure(void **state)
{
	CLEANUP(arena_free_p) struct arena *a = arena_new();
	struct c_heap_site sites[] = { site(30, 0.75, true), site(10, 0.25, false) };
	const struct c_heap h = { .sites = sites, .n_sites = 2 };
	const struct c_heap_growth g = { .grows = true, .per_min = 8 << 20, .window_s = 60 };
	const struct finding *f;
	uint32_t n;

	(void)state;
	assert_int_equal(c_heap_findings(&h, &g, 10, NULL, a, &f, &n), 0);
	assert_int_equal(n, 1);
	assert_string_equal(f->pattern, "cgo-heap");
	assert_int_equal(f->verdict, VERDICT_CANDIDATE);
	assert_int_equal(f->count, 30);
	assert_int_equal(f->bytes, 3840);
	assert_int_equal(f->group, FINDING_NO_GROUP);
	assert_string_equal(f->site, "new_image file.go:12");
	assert_string_equal(f->summary, "30 sampled C allocations stay, while the C heap grows");
	assert_int_equal(f->n_evidence, 5);
	assert_string_equal(f->evidence[0], "C: new_image file.go:12, called by decode file.go:12");
	assert_string_equal(f->evidence[1], "Go: main.handle file.go:12");
	assert_string_equal(f->evidence[2], "none of 35 sampled was seen to be freed; 30 are older "
					    "than 10 s (the oldest 34 s) and have 3.8 KiB");
	/* Wilson's interval of 30 in 40 is 0.598 to 0.858. */
	assert_string_equal(f->evidence[3],
			    "about 6.0 MiB a minute (4.8 MiB to 6.9 MiB): 75 % of all 40 such "
			    "survivors, and the C heap grew by 8.0 MiB a minute in the last 60 s");
	assert_non_null(strstr(f->evidence[4], "a candidate and no more"));
}

/* Without symbols there is an address, and in a C program no Go. */
static void what_is_not_known_is_left_out(void **state)
{
	CLEANUP(arena_free_p) struct arena *a = arena_new();
	static const struct frame bare[] = { { .pc = 0x401000 } };
	struct c_heap_site s = site(30, 1, true);
	const struct c_heap h = { .sites = &s, .n_sites = 1 };
	const struct c_heap_growth g = { .grows = true, .per_min = 8 << 20, .window_s = 60 };
	const struct finding *f;
	uint32_t n;

	(void)state;
	s.c = (struct stack)STACK(bare);
	s.go = (struct stack){ 0 };
	assert_int_equal(c_heap_findings(&h, &g, 10, NULL, a, &f, &n), 0);
	assert_string_equal(f->site, "0x401000");
	assert_int_equal(f->n_evidence, 4);
	s.c = (struct stack){ 0 };
	assert_int_equal(c_heap_findings(&h, &g, 10, NULL, a, &f, &n), 0);
	assert_null(f->site);
	assert_int_equal(f->n_evidence, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_heap_that_rises_in_each_third_grows),
		cmocka_unit_test(a_slow_leak_shows_over_the_whole_run),
		cmocka_unit_test(only_candidates_with_weight_in_a_heap_that_grows),
		cmocka_unit_test(of_a_suspect_less_is_needed),
		cmocka_unit_test(what_was_done_to_tell_it_from_a_cache_is_said),
		cmocka_unit_test(a_finding_says_where_how_much_and_how_sure),
		cmocka_unit_test(what_is_not_known_is_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
