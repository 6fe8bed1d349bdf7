// SPDX-License-Identifier: Apache-2.0
/* Each row of the memory patterns, with the healthy process that looks like it beside it. */
#include <string.h>

#include "../unit.h"

#include "analysis/memory_verdict.h"
#include "base/cleanup.h"
#include "model/go_memory.h"
#include "model/leaks.h"
#include "model/memory.h"
#include "model/retained.h"

#define MIB (1ll << 20)
#define GIB (1ll << 30)

struct answer {
	struct arena *arena;
	const struct finding *all;
	uint32_t n;
};

static void answer_done(struct answer *a)
{
	arena_free(a->arena);
}

static struct answer judge(const struct memory_look *l)
{
	struct answer a = { .arena = arena_new() };

	assert_non_null(a.arena);
	assert_int_equal(memory_verdict(l, a.arena, &a.all, &a.n), 0);
	return a;
}

static struct answer compare(const struct memory_look *before, const struct memory_look *after,
			     double seconds, bool warm)
{
	const struct memory_growth_source s = { .before = before, .after = after,
						.seconds = seconds, .warm = warm };
	struct answer a = { .arena = arena_new() };

	assert_non_null(a.arena);
	assert_int_equal(memory_verdict_growth(&s, a.arena, &a.all, &a.n), 0);
	return a;
}

static const struct finding *find(const struct answer *a, const char *pattern)
{
	for (uint32_t i = 0; i < a->n; i++)
		if (strcmp(a->all[i].pattern, pattern) == 0)
			return &a->all[i];
	return NULL;
}

static bool says(const struct finding *f, const char *words)
{
	if (strstr(f->summary, words))
		return true;
	for (uint32_t i = 0; i < f->n_evidence; i++)
		if (strstr(f->evidence[i], words))
			return true;
	return false;
}

/* A service of 1 GiB whose heap is about what is alive; nothing to say but what GOGC leaves. */
static struct memory_look healthy(void)
{
	struct memory_look l = memory_look_unknown();

	l.rss = GIB;
	l.go_heap_live = 900 * MIB;
	l.go_heap_free = 20 * MIB;
	l.go_heap_lazyfree = 0;
	l.go_stacks = 20 * MIB;
	l.c_heap_used = 4 * MIB;
	l.c_heap_free = MIB;
	l.c_mmap = 2 * MIB;
	l.thread_stacks = 2 * MIB;
	l.unexplained = MIB / 2;
	l.heap_alloc = 860 * MIB;
	l.heap_inuse = 900 * MIB;
	l.heap_idle = 120 * MIB;
	l.heap_released = 100 * MIB;
	l.stack_inuse = 20 * MIB;
	l.heap_marked = 850 * MIB;
	l.next_gc = 900 * MIB;
	l.gogc = 6;
	l.memory_limit = INT64_MAX;
	l.num_gc = 40;
	l.last_gc_age_ns = 3000000000;
	l.goroutines = 5000;
	l.threads = 14;
	return l;
}

#define JUDGE(l) CLEANUP(answer_done) struct answer a = judge(&(l))

static void a_healthy_process_has_no_findings(void **state)
{
	const struct memory_look l = healthy();
	JUDGE(l);

	(void)state;
	assert_int_equal(a.n, 0);
}

static void nothing_is_said_of_what_is_not_known(void **state)
{
	const struct memory_look l = memory_look_unknown();
	JUDGE(l);

	(void)state;
	assert_int_equal(a.n, 0);
}

static void rss_alone_says_nothing(void **state)
{
	struct memory_look l = memory_look_unknown();

	(void)state;
	l.rss = 100 * GIB;
	JUDGE(l);
	assert_int_equal(a.n, 0);
}

static void idle_heap_is_explained_and_no_leak(void **state)
{
	struct memory_look l = healthy();
	const struct finding *f;

	(void)state;
	l.go_heap_live = 100 * MIB;
	l.go_heap_free = 800 * MIB;
	l.heap_inuse = 100 * MIB;
	l.heap_alloc = 95 * MIB;
	l.heap_marked = 90 * MIB;
	l.next_gc = 95 * MIB;
	l.heap_idle = 920 * MIB;
	l.heap_released = 120 * MIB;
	JUDGE(l);
	f = find(&a, "heap-not-returned");
	assert_non_null(f);
	assert_int_equal(f->verdict, VERDICT_EXPLAINED);
	assert_int_equal(f->bytes, 800 * MIB);
	assert_true(says(f, "800.0 MiB (78 % of RSS)"));
	assert_true(says(f, "HeapIdle 920.0 MiB less HeapReleased 120.0 MiB is 800.0 MiB"));
	assert_true(says(f, "allocated are 95.0 MiB"));
	assert_true(says(f, "the last collection was 3 s ago"));
	assert_null(f->advice);
	assert_int_equal(a.n, 1);
}

static void pages_given_up_lazily_are_told_apart(void **state)
{
	struct memory_look l = healthy();
	const struct finding *f;

	(void)state;
	l.go_heap_live = 100 * MIB;
	l.go_heap_free = 100 * MIB;
	l.go_heap_lazyfree = 700 * MIB;
	l.heap_inuse = l.heap_alloc = 95 * MIB;
	l.heap_marked = 90 * MIB;
	l.next_gc = 95 * MIB;
	JUDGE(l);
	f = find(&a, "heap-not-returned");
	assert_non_null(f);
	assert_int_equal(f->bytes, 800 * MIB);
	assert_true(says(f, "of it 700.0 MiB is given up by MADV_FREE"));
	assert_non_null(strstr(f->advice, "madvdontneed=1"));
}

static void a_small_process_is_not_worth_a_word(void **state)
{
	struct memory_look l = memory_look_unknown();

	(void)state;
	/* Half of it is free, and that is 4 MiB. */
	l.rss = 8 * MIB;
	l.go_heap_free = 4 * MIB;
	l.unexplained = MIB / 2;
	JUDGE(l);
	assert_int_equal(a.n, 0);
}

static void room_that_gogc_leaves_is_explained(void **state)
{
	struct memory_look l = healthy();
	const struct finding *f;

	(void)state;
	l.heap_marked = 400 * MIB;
	l.next_gc = 800 * MIB;
	l.heap_alloc = 790 * MIB;
	l.gogc = 100;
	JUDGE(l);
	f = find(&a, "gc-headroom");
	assert_non_null(f);
	assert_int_equal(f->verdict, VERDICT_EXPLAINED);
	assert_int_equal(f->bytes, 400 * MIB);
	assert_true(says(f, "may grow to 800.0 MiB before the next collection: 400.0 MiB was alive"));
	assert_true(says(f, "GOGC=100 leaves room for 400.0 MiB more; no GOMEMLIMIT"));
	assert_true(says(f, "390.0 MiB of that room is taken since"));
	assert_true(says(f, "one comes every 2 min at the latest"));
	assert_int_equal(a.n, 1);
}

static void what_was_alive_follows_from_the_goal_where_it_is_not_told(void **state)
{
	struct memory_look l = healthy();
	const struct finding *f;

	(void)state;
	l.heap_marked = LOOK_UNKNOWN;
	l.next_gc = 900 * MIB;
	l.gogc = 200;
	l.memory_limit = 2 * GIB;
	JUDGE(l);
	f = find(&a, "gc-headroom");
	assert_non_null(f);
	assert_int_equal(f->bytes, 600 * MIB);
	assert_true(says(f, "GOMEMLIMIT 2.0 GiB"));
}

static void a_collector_that_is_off_is_named(void **state)
{
	struct memory_look l = healthy();
	const struct finding *f;

	(void)state;
	l.gogc = -1;
	JUDGE(l);
	f = find(&a, "gc-headroom");
	assert_non_null(f);
	assert_true(says(f, "nothing is ever collected"));
	assert_non_null(f->advice);
}

static void a_collector_that_waits_for_the_limit_is_explained(void **state)
{
	struct memory_look l = healthy();
	const struct finding *f;

	(void)state;
	l.gogc = -1;
	l.memory_limit = 2 * GIB;
	JUDGE(l);
	f = find(&a, "gc-headroom");
	assert_non_null(f);
	assert_true(says(f, "may grow to GOMEMLIMIT, 2.0 GiB"));
	assert_null(f->advice);
}

static void free_slots_between_objects_are_fragmentation(void **state)
{
	struct memory_look l = healthy();
	const struct finding *f;

	(void)state;
	l.heap_alloc = l.heap_marked = 300 * MIB;
	l.next_gc = 310 * MIB;
	JUDGE(l);
	f = find(&a, "heap-not-returned");
	assert_non_null(f);
	assert_int_equal(f->verdict, VERDICT_EXPLAINED);
	assert_int_equal(f->bytes, 600 * MIB);
	assert_true(says(f, "fragmentation, no leak"));
}

static void stacks_that_were_deep_are_explained_with_their_site(void **state)
{
	const struct frame frames[] = { { .function = "main.deep", .file = "/src/x.go", .line = 7 } };
	const struct group g = { .count = 900, .stack = { .frames = frames, .n = 1 },
				 .stack_bytes = 450 * MIB };
	struct memory_look l = healthy();
	const struct finding *f;

	(void)state;
	l.go_stacks = 480 * MIB;
	l.stack_inuse = 500 * MIB;
	l.go_heap_live = 400 * MIB;
	l.goroutines = 1000;
	l.stack_group = &g;
	JUDGE(l);
	f = find(&a, "stack-growth");
	assert_non_null(f);
	assert_int_equal(f->verdict, VERDICT_EXPLAINED);
	assert_true(says(f, "512.0 KiB each"));
	assert_true(says(f, "most are of 900 goroutines here: 450.0 MiB"));
	assert_string_equal(f->site, "main.deep x.go:7");
}

static void many_goroutines_with_small_stacks_are_not_deep(void **state)
{
	struct memory_look l = healthy();

	(void)state;
	/* 4 KiB each: it is their number, of which the groups tell. */
	l.go_stacks = l.stack_inuse = 400 * MIB;
	l.goroutines = 100000;
	JUDGE(l);
	assert_null(find(&a, "stack-growth"));
}

static void deep_stacks_of_few_threads_are_explained(void **state)
{
	struct memory_look l = healthy();
	const struct finding *f;

	(void)state;
	l.thread_stacks = 200 * MIB;
	l.threads = 30;
	JUDGE(l);
	f = find(&a, "cgo-threads");
	assert_non_null(f);
	assert_int_equal(f->verdict, VERDICT_EXPLAINED);
	assert_true(says(f, "30 threads"));
}

static void many_threads_are_a_candidate_at_most(void **state)
{
	struct memory_look l = healthy();
	const struct finding *f;

	(void)state;
	l.thread_stacks = 200 * MIB;
	l.threads = 4000;
	JUDGE(l);
	f = find(&a, "cgo-threads");
	assert_non_null(f);
	assert_int_equal(f->verdict, VERDICT_CANDIDATE);
	assert_int_equal(f->count, 4000);
}

static void a_full_c_heap_is_no_finding_of_one_look(void **state)
{
	struct memory_look l = healthy();

	(void)state;
	l.c_heap_used = 800 * MIB;
	l.c_in_use = 800 * MIB;
	l.go_heap_live = 100 * MIB;
	JUDGE(l);
	assert_null(find(&a, "cgo-heap"));
	assert_int_equal(a.n, 0);
}

static void a_free_c_heap_is_explained_and_may_be_trimmed(void **state)
{
	struct memory_look l = healthy();
	const struct finding *f;

	(void)state;
	l.go_heap_live = 100 * MIB;
	l.c_heap_free = 600 * MIB;
	l.c_in_use = 10 * MIB;
	l.c_arenas = 9;
	l.c_trimmable = 590 * MIB;
	l.c_fragmented = 5 * MIB;
	JUDGE(l);
	f = find(&a, "heap-not-returned");
	assert_non_null(f);
	assert_int_equal(f->verdict, VERDICT_EXPLAINED);
	assert_true(says(f, "590.0 MiB are whole pages, which malloc_trim() gives back"));
	assert_true(says(f, "5.0 MiB lie between blocks in use"));
	assert_true(says(f, "arenas: 9"));
	assert_non_null(f->advice);
}

static void a_fragmented_c_heap_cannot_be_trimmed(void **state)
{
	struct memory_look l = healthy();
	const struct finding *f;

	(void)state;
	l.c_heap_free = 300 * MIB;
	l.c_trimmable = MIB;
	l.c_fragmented = 299 * MIB;
	JUDGE(l);
	f = find(&a, "heap-not-returned");
	assert_non_null(f);
	assert_false(says(f, "malloc_trim"));
	assert_null(f->advice);
}

static void what_is_not_explained_is_a_number(void **state)
{
	struct memory_look l = healthy();
	const struct finding *f;

	(void)state;
	l.unexplained = 30 * MIB;
	JUDGE(l);
	f = find(&a, "unexplained");
	assert_non_null(f);
	assert_int_equal(f->verdict, VERDICT_UNKNOWN);
	assert_int_equal(f->bytes, 30 * MIB);
}

static void what_only_leaked_goroutines_reach_is_likely_theirs(void **state)
{
	struct memory_look l = healthy();
	const struct finding *f;

	(void)state;
	l.held_by_leaks = 64 * MIB;
	l.leaks = VERDICT_LIKELY;
	JUDGE(l);
	f = find(&a, "goroutine-held");
	assert_non_null(f);
	assert_int_equal(f->verdict, VERDICT_LIKELY);
	assert_int_equal(f->bytes, 64 * MIB);
}

static void what_leaks_hold_is_as_sure_as_they_are(void **state)
{
	CLEANUP(arena_free_p) struct arena *a = arena_new();
	struct leak_set set = { .passes = 1, .heap_bytes = 64 * MIB };
	struct memory_ledger m = { .rss_bytes = GIB };
	struct retained r = { .leaked_bytes = 7 * MIB };
	struct group groups[] = { { .n_proven = 1 }, { .count = 3 } };
	struct snapshot s = { .memory = &m, .groups = groups, .n_groups = 2, .leaks = &set };
	struct memory_look l;

	(void)state;
	assert_non_null(a);
	m.retained = &r;
	assert_int_equal(memory_look_of(&s, a, &l), 0);
	assert_int_equal(l.held_by_leaks, 64 * MIB);
	assert_int_equal(l.leaks, VERDICT_PROVEN);
	groups[1].n_likely = 1;
	assert_int_equal(memory_look_of(&s, a, &l), 0);
	assert_int_equal(l.leaks, VERDICT_LIKELY);
	groups[1].n_leak_suspect = 1;
	assert_int_equal(memory_look_of(&s, a, &l), 0);
	assert_int_equal(l.leaks, VERDICT_SUSPECT);
	/* Nobody knows who is leaked: what sites of goroutines hold alone is all there is. */
	set.passes = 0;
	assert_int_equal(memory_look_of(&s, a, &l), 0);
	assert_int_equal(l.held_by_leaks, 7 * MIB);
	assert_int_equal(l.leaks, VERDICT_LIKELY);
}

static void findings_of_a_snapshot_join_the_others(void **state)
{
	struct snapshot *s = snapshot_new();
	struct finding first[] = { { .pattern = "nil-chan-send", .verdict = VERDICT_PROVEN },
				   { .pattern = "select-forever", .verdict = VERDICT_EXPLAINED } };
	struct memory_ledger m = { .rss_bytes = GIB };
	struct go_memstats g;
	struct retainer holds[] = { { .kind = RETAINER_VARIABLE, .name = "main.m", .bytes = 5 } };
	struct retained r = { .all = holds, .n = 1, .leaked_bytes = 64 * MIB };
	struct memory_look l;

	(void)state;
	assert_non_null(s);
	memset(&g, 0xff, sizeof(g));
	memset(m.part, 0xff, sizeof(m.part));
	g.gogc = GO_GOGC_UNKNOWN;
	m.part[MEMORY_GO_HEAP_FREE] = 800 * MIB;
	m.go = &g;
	m.retained = &r;
	s->findings = first;
	s->n_findings = 2;
	assert_int_equal(memory_judge(s), 0);
	assert_int_equal(s->n_findings, 2);
	s->memory = &m;
	assert_int_equal(memory_judge(s), 0);
	assert_int_equal(s->n_findings, 4);
	assert_string_equal(s->findings[0].pattern, "nil-chan-send");
	assert_string_equal(s->findings[1].pattern, "goroutine-held");
	assert_string_equal(s->findings[2].pattern, "select-forever");
	assert_string_equal(s->findings[3].pattern, "heap-not-returned");
	assert_int_equal(memory_look_of(s, s->arena, &l), 0);
	assert_int_equal(l.n_holders, 1);
	assert_true(l.num_gc == LOOK_UNKNOWN && l.gogc == LOOK_UNKNOWN && l.c_in_use == LOOK_UNKNOWN);
	snapshot_free(s);
}

/* --- Two looks --- */

#define COMPARE(b, l, s, w) CLEANUP(answer_done) struct answer a = compare(&(b), &(l), s, w)

static void a_process_that_stays_has_not_grown(void **state)
{
	const struct memory_look b = healthy(), l = healthy();
	COMPARE(b, l, 600, true);

	(void)state;
	assert_int_equal(a.n, 0);
}

static const struct memory_holder few[] = { { "main.cache", 100 * MIB }, { "main.index", 50 * MIB } };
static const struct memory_holder more[] = {
	{ "main.cache", 400 * MIB, "main.cache -> map -> []uint8" }, { "main.index", 51 * MIB },
};

static void a_variable_that_holds_more_is_named(void **state)
{
	struct memory_look b = healthy(), l = healthy();
	const struct finding *f;

	(void)state;
	b.holders = few;
	l.holders = more;
	b.n_holders = l.n_holders = 2;
	l.rss += 300 * MIB;
	l.heap_marked += 300 * MIB;
	l.num_gc += 9;
	COMPARE(b, l, 600, true);
	assert_int_equal(a.n, 1);
	f = &a.all[0];
	assert_string_equal(f->pattern, "growing-global");
	assert_int_equal(f->verdict, VERDICT_SUSPECT);
	assert_string_equal(f->site, "main.cache");
	assert_int_equal(f->bytes, 400 * MIB);
	assert_true(says(f, "300.0 MiB more than before"));
	assert_true(says(f, "from 100.0 MiB to 400.0 MiB in 10 min, 30.0 MiB a minute"));
	assert_true(says(f, "RSS: from 1.0 GiB to 1.3 GiB"));
	assert_true(says(f, "most of it by main.cache -> map -> []uint8"));
}

static void a_young_process_fills_its_caches(void **state)
{
	struct memory_look b = healthy(), l = healthy();

	(void)state;
	b.holders = few;
	l.holders = more;
	b.n_holders = l.n_holders = 2;
	COMPARE(b, l, 600, false);
	assert_int_equal(find(&a, "growing-global")->verdict, VERDICT_CANDIDATE);
}

static void a_few_seconds_are_too_few_to_suspect(void **state)
{
	struct memory_look b = healthy(), l = healthy();

	(void)state;
	b.holders = few;
	l.holders = more;
	b.n_holders = l.n_holders = 2;
	COMPARE(b, l, 20, true);
	assert_int_equal(find(&a, "growing-global")->verdict, VERDICT_CANDIDATE);
}

static void what_a_list_was_cut_at_may_have_been_there_before(void **state)
{
	static const struct memory_holder cut[] = { { "main.a", 500 * MIB }, { "main.b", 396 * MIB } };
	struct memory_look b = healthy(), l = healthy();

	(void)state;
	/* main.cache may have had up to 396 MiB. */
	b.holders = cut;
	l.holders = more;
	b.n_holders = l.n_holders = 2;
	b.other_held = 500 * MIB;
	COMPARE(b, l, 600, true);
	assert_null(find(&a, "growing-global"));
}

static void what_was_too_small_to_be_listed_has_grown(void **state)
{
	struct memory_look b = healthy(), l = healthy();

	(void)state;
	/* Only the largest was worth a line, and all others together had 1 MiB. */
	b.holders = &more[0];
	l.holders = more;
	b.n_holders = 1;
	l.n_holders = 2;
	b.other_held = MIB;
	COMPARE(b, l, 600, true);
	assert_string_equal(find(&a, "growing-global")->site, "main.index");
	assert_true(says(find(&a, "growing-global"), "from 1.0 MiB to 51.0 MiB"));
}

static void what_nobody_told_before_has_not_grown(void **state)
{
	struct memory_look b = healthy(), l = healthy();

	(void)state;
	l.holders = more;
	l.n_holders = 2;
	COMPARE(b, l, 600, true);
	assert_int_equal(a.n, 0);
}

static void a_heap_that_rises_between_collections_does_not_grow(void **state)
{
	struct memory_look b = healthy(), l = healthy();

	(void)state;
	/* The same was alive at the last collection; since then there was no other. */
	b.heap_marked = l.heap_marked = 300 * MIB;
	b.next_gc = l.next_gc = 600 * MIB;
	b.heap_alloc = 310 * MIB;
	l.heap_alloc = 590 * MIB;
	b.go_heap_live = 320 * MIB;
	l.go_heap_live = 600 * MIB;
	b.rss = 400 * MIB;
	l.rss = 680 * MIB;
	b.gogc = l.gogc = 100;
	COMPARE(b, l, 600, true);
	assert_null(find(&a, "growing-global"));
	assert_non_null(find(&a, "gc-headroom"));
	assert_int_equal(find(&a, "gc-headroom")->verdict, VERDICT_EXPLAINED);
	assert_int_equal(a.n, 1);
}

static void a_live_heap_that_grows_is_a_candidate_without_a_holder(void **state)
{
	struct memory_look b = healthy(), l = healthy();
	const struct finding *f;
	struct memory_growth_source s = { .before = &b, .after = &l, .seconds = 600, .warm = true,
					  .site = "main.load x.go:9", .site_bytes = 290 * MIB };
	CLEANUP(answer_done) struct answer a = { .arena = arena_new() };

	(void)state;
	l.heap_marked += 300 * MIB;
	l.num_gc++;
	assert_int_equal(memory_verdict_growth(&s, a.arena, &a.all, &a.n), 0);
	f = find(&a, "growing-global");
	assert_non_null(f);
	assert_int_equal(f->verdict, VERDICT_CANDIDATE);
	assert_string_equal(f->site, "main.load x.go:9");
	assert_true(says(f, "most of it was allocated here: +290.0 MiB"));
}

static void what_more_goroutines_hold_is_told_of_them(void **state)
{
	struct memory_look b = healthy(), l = healthy();

	(void)state;
	l.heap_marked += 300 * MIB;
	l.num_gc++;
	l.goroutines = 9000;
	COMPARE(b, l, 600, true);
	assert_null(find(&a, "growing-global"));
}

static void without_a_collection_nothing_is_known_to_live(void **state)
{
	struct memory_look b = healthy(), l = healthy();

	(void)state;
	l.heap_marked += 300 * MIB;
	COMPARE(b, l, 600, true);
	assert_null(find(&a, "growing-global"));
}

static void growth_that_is_free_again_is_no_leak(void **state)
{
	struct memory_look b = healthy(), l = healthy();

	(void)state;
	l.rss += 400 * MIB;
	l.go_heap_free += 390 * MIB;
	COMPARE(b, l, 600, true);
	assert_int_equal(a.n, 1);
	assert_string_equal(a.all[0].pattern, "heap-not-returned");
	assert_int_equal(a.all[0].verdict, VERDICT_EXPLAINED);
}

static void a_c_heap_that_grows_is_a_candidate_at_most(void **state)
{
	struct memory_look b = healthy(), l = healthy();
	const struct finding *f;

	(void)state;
	l.c_heap_used += 500 * MIB;
	l.rss += 500 * MIB;
	COMPARE(b, l, 3600, true);
	f = find(&a, "cgo-heap");
	assert_non_null(f);
	assert_int_equal(f->verdict, VERDICT_CANDIDATE);
	assert_true(says(f, "Go's live heap does not grow with it"));
	assert_int_equal(a.n, 1);
}

static void large_blocks_of_malloc_are_of_the_c_heap(void **state)
{
	struct memory_look b = healthy(), l = healthy();

	(void)state;
	b.c_mmapped = 0;
	l.c_mmapped = 300 * MIB;
	l.c_mmap += 300 * MIB;
	COMPARE(b, l, 600, true);
	assert_non_null(find(&a, "cgo-heap"));
	assert_null(find(&a, "native-growth"));
}

static void mappings_of_the_program_are_not(void **state)
{
	struct memory_look b = healthy(), l = healthy();

	(void)state;
	b.c_mmapped = l.c_mmapped = 0;
	l.c_mmap += 300 * MIB;
	COMPARE(b, l, 600, true);
	assert_null(find(&a, "cgo-heap"));
	assert_int_equal(find(&a, "native-growth")->verdict, VERDICT_CANDIDATE);
}

static void threads_that_come_are_a_candidate(void **state)
{
	struct memory_look b = healthy(), l = healthy();

	(void)state;
	l.threads = 64;
	COMPARE(b, l, 600, true);
	assert_int_equal(find(&a, "cgo-threads")->verdict, VERDICT_CANDIDATE);
	assert_int_equal(find(&a, "cgo-threads")->count, 64);
}

static void a_thread_more_is_none(void **state)
{
	struct memory_look b = healthy(), l = healthy();

	(void)state;
	l.threads = 17;
	COMPARE(b, l, 600, true);
	assert_int_equal(a.n, 0);
}

static void what_was_unknown_before_has_not_grown(void **state)
{
	const struct memory_look b = memory_look_unknown();
	struct memory_look l = healthy();

	(void)state;
	l.threads = 4000;
	l.c_mmapped = GIB;
	COMPARE(b, l, 600, true);
	assert_int_equal(a.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_healthy_process_has_no_findings),
		cmocka_unit_test(nothing_is_said_of_what_is_not_known),
		cmocka_unit_test(rss_alone_says_nothing),
		cmocka_unit_test(idle_heap_is_explained_and_no_leak),
		cmocka_unit_test(pages_given_up_lazily_are_told_apart),
		cmocka_unit_test(a_small_process_is_not_worth_a_word),
		cmocka_unit_test(room_that_gogc_leaves_is_explained),
		cmocka_unit_test(what_was_alive_follows_from_the_goal_where_it_is_not_told),
		cmocka_unit_test(a_collector_that_is_off_is_named),
		cmocka_unit_test(a_collector_that_waits_for_the_limit_is_explained),
		cmocka_unit_test(free_slots_between_objects_are_fragmentation),
		cmocka_unit_test(stacks_that_were_deep_are_explained_with_their_site),
		cmocka_unit_test(many_goroutines_with_small_stacks_are_not_deep),
		cmocka_unit_test(deep_stacks_of_few_threads_are_explained),
		cmocka_unit_test(many_threads_are_a_candidate_at_most),
		cmocka_unit_test(a_full_c_heap_is_no_finding_of_one_look),
		cmocka_unit_test(a_free_c_heap_is_explained_and_may_be_trimmed),
		cmocka_unit_test(a_fragmented_c_heap_cannot_be_trimmed),
		cmocka_unit_test(what_is_not_explained_is_a_number),
		cmocka_unit_test(what_only_leaked_goroutines_reach_is_likely_theirs),
		cmocka_unit_test(what_leaks_hold_is_as_sure_as_they_are),
		cmocka_unit_test(findings_of_a_snapshot_join_the_others),
		cmocka_unit_test(a_process_that_stays_has_not_grown),
		cmocka_unit_test(a_variable_that_holds_more_is_named),
		cmocka_unit_test(a_young_process_fills_its_caches),
		cmocka_unit_test(a_few_seconds_are_too_few_to_suspect),
		cmocka_unit_test(what_a_list_was_cut_at_may_have_been_there_before),
		cmocka_unit_test(what_was_too_small_to_be_listed_has_grown),
		cmocka_unit_test(what_nobody_told_before_has_not_grown),
		cmocka_unit_test(a_heap_that_rises_between_collections_does_not_grow),
		cmocka_unit_test(a_live_heap_that_grows_is_a_candidate_without_a_holder),
		cmocka_unit_test(what_more_goroutines_hold_is_told_of_them),
		cmocka_unit_test(without_a_collection_nothing_is_known_to_live),
		cmocka_unit_test(growth_that_is_free_again_is_no_leak),
		cmocka_unit_test(a_c_heap_that_grows_is_a_candidate_at_most),
		cmocka_unit_test(large_blocks_of_malloc_are_of_the_c_heap),
		cmocka_unit_test(mappings_of_the_program_are_not),
		cmocka_unit_test(threads_that_come_are_a_candidate),
		cmocka_unit_test(a_thread_more_is_none),
		cmocka_unit_test(what_was_unknown_before_has_not_grown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
