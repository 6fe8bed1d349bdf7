// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "../unit.h"

#include "analysis/leak_judge.h"
#include "analysis/verdict.h"
#include "base/cleanup.h"
#include "model/leak_clues.h"
#include "model/leaks.h"

#define FRAME(name) { .pc = 0x401000, .entry = 0x400000, .function = (name), \
		      .file = "/src/app/fetch.go", .line = 48 }
#define STACK(f) { .frames = (f), .n = ARRAY_SIZE(f) }

static const struct frame send_frames[] = {
	FRAME("runtime.gopark"), FRAME("runtime.chansend"), FRAME("runtime.chansend1"),
	FRAME("main.fetch.func1"),
};
static const struct frame nil_frames[] = {
	FRAME("runtime.gopark"), FRAME("runtime.chansend"), FRAME("main.f"),
};
static const struct frame main_frames[] = {
	FRAME("runtime.gopark"), FRAME("runtime.chanrecv"), FRAME("main.main"), FRAME("runtime.main"),
};

/* Three passes over 1.1 s. */
static const struct leak_set passes = { .passes = 3, .span_s = 1.1, .stopped_ms = -1,
					.estimated_stop_ms = 90 };
static const struct leak_set exact = { .passes = 1, .span_s = 0.2, .stopped_ms = 84.3,
				       .estimated_stop_ms = -1 };

static struct group sends(uint64_t count)
{
	return (struct group){
		.id = count, .site = 77, .count = count, .state = GO_WAITING,
		.wait_reason = "chan send", .stack = STACK(send_frames), .n_samples = 2,
		.sample_ids = { 7, 8 }, .oldest_wait_ns = WAIT_UNKNOWN,
		.leaked_wait_ns = WAIT_UNKNOWN, .objects_seen = 2,
		.created_by = FRAME("main.fetch"), .stack_bytes = 8192 * count,
		.blocked_on = { .kind = WAIT_CHAN, .known = true,
				.chan = { .addr = 0xc000010000, .type = "error", .dir = CHAN_SEND,
					  .senders = 1 } },
	};
}

static struct snapshot *judged(const struct group *groups, uint32_t n, const struct leak_set *set)
{
	struct snapshot *s = snapshot_new();

	assert_non_null(s);
	s->groups = arena_alloc(s->arena, n + 1, sizeof(*groups));
	assert_non_null(s->groups);
	memcpy(s->groups, groups, n * sizeof(*groups));
	s->n_groups = n;
	if (set) {
		s->leaks = arena_alloc(s->arena, 1, sizeof(*set));
		assert_non_null(s->leaks);
		*s->leaks = *set;
	}
	assert_int_equal(verdict_judge(s), 0);
	assert_int_equal(leak_judge(s), 0);
	return s;
}

static bool says(const struct finding *f, const char *words)
{
	for (uint32_t i = 0; i < f->n_evidence; i++)
		if (strstr(f->evidence[i], words))
			return true;
	return false;
}

static void a_leaked_group_is_likely_and_says_why(void **state)
{
	struct group g = sends(12031);
	CLEANUP(snapshot_free_p) struct snapshot *s = NULL;
	const struct finding *f;

	(void)state;
	g.n_likely = 12031;
	g.leaked_stack_bytes = g.stack_bytes;
	g.leaked_heap_bytes = 612 << 20;
	g.leaked_wait_ns = 3 * 3600 * 1000000000ll;
	s = judged(&g, 1, &passes);
	assert_int_equal(s->groups[0].verdict, VERDICT_LIKELY);
	assert_string_equal(s->groups[0].pattern, "orphan-send");
	assert_int_equal(s->n_findings, 1);
	f = &s->findings[0];
	assert_int_equal(f->verdict, VERDICT_LIKELY);
	assert_int_equal(f->count, 12031);
	assert_int_equal(f->bytes, 12031 * 8192 + (612 << 20));
	assert_string_equal(f->summary, "12,031 goroutines can never run again");
	assert_string_equal(f->site, "main.fetch.func1 fetch.go:48");
	assert_true(says(f, "each sends on a chan error (cap 0) that nothing alive can reach"));
	assert_true(says(f, "unreachable in each of 3 passes over 1.1 s; `--prove` makes it certain "
			    "and would stop the process for about 90 ms"));
	assert_true(says(f, "created by main.fetch fetch.go:48"));
	assert_true(says(f, "parked for at least 3 h; they hold 94.0 MiB of stacks and 612.0 MiB of "
			    "heap"));
	assert_non_null(f->advice);
}

static void the_same_group_without_leaks_is_not_judged(void **state)
{
	struct group g = sends(12031);
	CLEANUP(snapshot_free_p) struct snapshot *looked = judged(&g, 1, &passes);
	CLEANUP(snapshot_free_p) struct snapshot *not_looked = judged(&g, 1, NULL);

	(void)state;
	assert_int_equal(looked->groups[0].verdict, VERDICT_UNKNOWN);
	assert_null(looked->groups[0].pattern);
	assert_int_equal(looked->n_findings, 0);
	assert_int_equal(not_looked->groups[0].verdict, VERDICT_UNKNOWN);
	assert_int_equal(not_looked->n_findings, 0);
}

static void an_exact_pass_proves(void **state)
{
	struct group g = sends(3);
	CLEANUP(snapshot_free_p) struct snapshot *s = NULL;

	(void)state;
	g.n_proven = 3;
	s = judged(&g, 1, &exact);
	assert_int_equal(s->groups[0].verdict, VERDICT_PROVEN);
	assert_int_equal(s->findings[0].verdict, VERDICT_PROVEN);
	assert_true(says(&s->findings[0], "shown by one exact pass, for which the process was "
					  "stopped for 84 ms"));
	assert_false(says(&s->findings[0], "--prove"));
}

static void what_passes_cannot_be_sure_of_is_suspect(void **state)
{
	struct leak_set set = passes;
	struct group g = sends(3);
	CLEANUP(snapshot_free_p) struct snapshot *s = NULL;

	(void)state;
	set.why_not = "the heap moves faster than it can be read";
	g.n_leak_suspect = 3;
	s = judged(&g, 1, &set);
	assert_int_equal(s->groups[0].verdict, VERDICT_SUSPECT);
	assert_int_equal(s->findings[0].verdict, VERDICT_SUSPECT);
	assert_true(says(&s->findings[0], "not enough to be sure: the heap moves faster"));
	assert_null(strstr(s->findings[0].summary, "never"));
}

static void of_a_group_only_those_that_leak_are_counted(void **state)
{
	struct group g = sends(100);
	CLEANUP(snapshot_free_p) struct snapshot *s = NULL;

	(void)state;
	g.n_likely = 4;
	g.n_leak_suspect = 6;
	g.leaked_stack_bytes = 81920;
	s = judged(&g, 1, &passes);
	assert_int_equal(s->groups[0].verdict, VERDICT_LIKELY);
	assert_int_equal(s->n_findings, 2);
	assert_int_equal(s->findings[0].verdict, VERDICT_LIKELY);
	assert_int_equal(s->findings[0].count, 4);
	assert_int_equal(s->findings[0].bytes, 32768);
	assert_int_equal(s->findings[1].verdict, VERDICT_SUSPECT);
	assert_int_equal(s->findings[1].count, 6);
}

/* Labels make many groups of one site; its owner wants to hear of it once. */
static void groups_of_one_site_are_one_finding(void **state)
{
	struct group g[] = { sends(2), sends(5), sends(1), sends(3) };
	CLEANUP(snapshot_free_p) struct snapshot *s = NULL;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(g); i++)
		g[i].n_likely = g[i].count;
	g[3].site = 78;
	s = judged(g, ARRAY_SIZE(g), &passes);
	assert_int_equal(s->n_findings, 2);
	assert_int_equal(s->findings[0].count, 8);
	assert_int_equal(s->groups[s->findings[0].group].count, 5);
	assert_int_equal(s->findings[1].count, 3);
	assert_int_equal(s->groups[s->findings[1].group].count, 3);
}

static void mains_own_wait_is_no_leak(void **state)
{
	struct group g = sends(1);
	CLEANUP(snapshot_free_p) struct snapshot *s = NULL;

	(void)state;
	g.stack = (struct stack)STACK(main_frames);
	g.wait_reason = "chan receive";
	g.blocked_on.chan.dir = CHAN_RECV;
	g.n_samples = 1;
	g.sample_ids[0] = 1;
	g.n_likely = 1;
	s = judged(&g, 1, &passes);
	assert_int_equal(s->groups[0].verdict, VERDICT_OK);
	assert_int_equal(group_leaked(&s->groups[0]), 0);
	assert_int_equal(s->n_findings, 1);
	assert_int_equal(s->findings[0].verdict, VERDICT_EXPLAINED);
}

static void the_runtimes_own_are_never_leaked(void **state)
{
	struct group g = sends(3);
	CLEANUP(snapshot_free_p) struct snapshot *s = NULL;

	(void)state;
	g.system = true;
	g.n_likely = 3;
	s = judged(&g, 1, &passes);
	assert_int_equal(s->groups[0].verdict, VERDICT_OK);
	assert_int_equal(group_leaked(&s->groups[0]), 0);
	assert_int_equal(s->n_findings, 0);
}

/* Reachability finds them too, with less to go by. */
static void what_the_wait_proves_stays_proven(void **state)
{
	struct group g = sends(3);
	CLEANUP(snapshot_free_p) struct snapshot *s = NULL;

	(void)state;
	g.wait_reason = "chan send (nil chan)";
	g.stack = (struct stack)STACK(nil_frames);
	g.n_likely = 2;
	s = judged(&g, 1, &passes);
	assert_int_equal(s->groups[0].verdict, VERDICT_PROVEN);
	assert_string_equal(s->groups[0].pattern, "nil-chan-send");
	assert_int_equal(s->groups[0].n_proven, 3);
	assert_int_equal(s->groups[0].n_likely, 0);
	assert_int_equal(s->n_findings, 1);
}

static void each_goroutine_has_its_own_verdict(void **state)
{
	struct group g = sends(2);
	struct goroutine all[] = {
		{ .id = 7, .wait_reason = "chan send", .blocked_on = g.blocked_on },
		{ .id = 8, .wait_reason = "chan send", .blocked_on = g.blocked_on },
	};
	CLEANUP(snapshot_free_p) struct snapshot *s = snapshot_new();
	struct leak_set set = passes;
	const char *pattern;

	(void)state;
	assert_non_null(s);
	g.n_likely = 1;
	all[1].verdict = VERDICT_LIKELY;
	all[1].blocked_on.chan.senders = 2;
	s->groups = &g;
	s->n_groups = 1;
	s->goroutines = all;
	s->n_goroutines = 2;
	s->leaks = &set;
	assert_int_equal(verdict_judge(s), 0);
	assert_int_equal(leak_judge(s), 0);
	assert_int_equal(snapshot_verdict_of(s, &all[0], &pattern), VERDICT_UNKNOWN);
	assert_null(pattern);
	assert_int_equal(snapshot_verdict_of(s, &all[1], &pattern), VERDICT_LIKELY);
	assert_string_equal(pattern, "ncast");
}

static void expect_cause(struct leak_clues c, const char *words)
{
	struct group g = sends(2);
	CLEANUP(snapshot_free_p) struct snapshot *s = NULL;

	g.n_likely = 2;
	g.clues = &c;
	s = judged(&g, 1, &passes);
	if (words)
		assert_true(says(&s->findings[0], words));
	else
		assert_false(says(&s->findings[0], "probably"));
}

static void a_cause_is_named_as_probable(void **state)
{
	(void)state;
	expect_cause((struct leak_clues){ .creator_selects = true, .creator_timer = true },
		     "main.fetch fetch.go:48, which also selects on a timer: probably a timeout leak");
	expect_cause((struct leak_clues){ .creator_selects = true, .creator_context = true },
		     "probably a timeout leak");
	expect_cause((struct leak_clues){ .creator_selects = true }, "probably left by another case");
	expect_cause((struct leak_clues){ .creator_receives = true, .creator_returns = true,
					  .made_at = "fetch.go:40" },
		     "may return before its receive: probably a premature return");
	/* The look-alikes: a receive on every way; of several channels; a timer without a select. */
	expect_cause((struct leak_clues){ .creator_receives = true, .made_at = "fetch.go:40" },
		     NULL);
	expect_cause((struct leak_clues){ .creator_receives = true, .creator_returns = true }, NULL);
	expect_cause((struct leak_clues){ .creator_timer = true }, NULL);
	expect_cause((struct leak_clues){ 0 }, NULL);
}

static void the_channels_place_is_in_the_advice(void **state)
{
	const struct leak_clues c = { .made_at = "fetch.go:40" };
	struct group g = sends(2);
	CLEANUP(snapshot_free_p) struct snapshot *s = NULL;

	(void)state;
	g.n_likely = 2;
	g.clues = &c;
	s = judged(&g, 1, &passes);
	assert_string_equal(s->findings[0].advice,
			    "give the channel made at fetch.go:40 a buffer of 1");
}

static void expect_words(struct wait_object o, const char *reason, const struct leak_clues *c,
			 const char *pattern, const char *words)
{
	struct group g = sends(1);
	CLEANUP(snapshot_free_p) struct snapshot *s = NULL;

	g.n_likely = 1;
	g.blocked_on = o;
	g.wait_reason = reason;
	g.clues = c;
	s = judged(&g, 1, &passes);
	assert_string_equal(s->findings[0].pattern, pattern);
	if (!says(&s->findings[0], words))
		fail_msg("\"%s\" is not in \"%s\"", words, s->findings[0].evidence[0]);
}

static void what_it_waits_on_is_described(void **state)
{
	const struct wait_chan cases[] = {
		{ .addr = 1, .type = "int", .dir = CHAN_RECV, .cap = 4 },
		{ .addr = 2, .type = "error", .dir = CHAN_SEND },
	};
	const struct leak_clues held = { .holder_sought = true, .holder_goid = 12,
					 .holder_site = "main.lock a.go:3" };
	const struct leak_clues nobody = { .holder_sought = true };
	struct wait_object o = { .kind = WAIT_MUTEX, .known = true,
				 .sync = { .addr = 1, .state_known = true, .state = 9,
					   .locked = true, .waiters = 1 } };

	(void)state;
	expect_words(o, "sync.Mutex.Lock", NULL, "mutex-never-unlocked",
		     "waits for a sync.Mutex that nothing alive can reach: its state is 0x9, locked, 1 "
		     "waiting");
	expect_words(o, "sync.Mutex.Lock", &held, "mutex-never-unlocked",
		     "probably held by goroutine 12 in main.lock a.go:3");
	expect_words(o, "sync.Mutex.Lock", &nobody, "mutex-never-unlocked",
		     "whoever locked it has probably returned without unlocking");
	o = (struct wait_object){ .kind = WAIT_WAITGROUP, .known = true,
				  .sync = { .addr = 1, .state_known = true, .counter = 2,
					    .state = 0x200000001, .waiters = 1 } };
	expect_words(o, "semacquire", NULL, "waitgroup-never-done",
		     "2 more Done() are wanted (state 0x200000001)");
	o = (struct wait_object){ .kind = WAIT_SELECT, .known = true,
				  .select = { .n = 2, .n_all = 2, .cases = cases } };
	expect_words(o, "select", NULL, "select-orphan",
		     "waits in a select of 2 cases that nothing alive can reach: receive from a chan "
		     "int (cap 4), send on a chan error (cap 0)");
	o = (struct wait_object){ .kind = WAIT_CHAN, .known = true,
				  .chan = { .addr = 1, .dir = CHAN_SEND, .cap = 2, .len = 2,
					    .senders = 3 } };
	expect_words(o, "chan send", NULL, "buffer-full",
		     "sends on a chan of an unknown type (cap 2, full, 3 senders)");
	o = (struct wait_object){ .kind = WAIT_COND, .known = true,
				  .sync = { .addr = 1, .waiters = 4 } };
	expect_words(o, "sync.Cond.Wait", NULL, "cond-never-signalled", "sync.Cond");
	o = (struct wait_object){ .kind = WAIT_CHAN, .known = false };
	expect_words(o, "chan receive", NULL, "orphan-recv", "(chan receive)");
}

static struct group locked(int64_t wait_s)
{
	struct group g = sends(4);

	g.wait_reason = "sync.Mutex.Lock";
	g.blocked_on = (struct wait_object){ .kind = WAIT_MUTEX, .known = true,
					     .sync = { .addr = 1, .state_known = true, .state = 33,
						       .locked = true, .waiters = 4 } };
	g.oldest_wait_ns = wait_s < 0 ? WAIT_UNKNOWN : wait_s * 1000000000;
	return g;
}

static void a_lock_that_is_not_released_for_minutes_is_suspect(void **state)
{
	struct group g = locked(LEAK_LOCK_S);
	CLEANUP(snapshot_free_p) struct snapshot *s = judged(&g, 1, &passes);

	(void)state;
	assert_int_equal(s->groups[0].verdict, VERDICT_SUSPECT);
	assert_string_equal(s->groups[0].pattern, "mutex-never-unlocked");
	assert_int_equal(s->n_findings, 1);
	assert_int_equal(s->findings[0].verdict, VERDICT_SUSPECT);
	assert_string_equal(s->findings[0].summary, "4 goroutines wait for a lock that is not released");
	assert_true(says(&s->findings[0], "each waits for a sync.Mutex: its state is 0x21, locked, 4 "
					  "waiting"));
	assert_true(says(&s->findings[0], "can still reach the lock, so this proves nothing"));
	assert_true(says(&s->findings[0], "parked for at least 10 min"));
}

static void other_waits_may_be_as_long_as_they_like(void **state)
{
	struct group g[] = { locked(LEAK_LOCK_S - 1), locked(-1), sends(3), locked(86400) };
	CLEANUP(snapshot_free_p) struct snapshot *s = NULL;

	(void)state;
	g[2].oldest_wait_ns = 86400ll * 1000000000;
	/* A pool that waits for work. */
	g[3].wait_reason = "sync.Cond.Wait";
	g[3].blocked_on.kind = WAIT_COND;
	s = judged(g, ARRAY_SIZE(g), &passes);
	for (uint32_t i = 0; i < s->n_groups; i++)
		assert_int_equal(s->groups[i].verdict, VERDICT_UNKNOWN);
	assert_int_equal(s->n_findings, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_leaked_group_is_likely_and_says_why),
		cmocka_unit_test(the_same_group_without_leaks_is_not_judged),
		cmocka_unit_test(an_exact_pass_proves),
		cmocka_unit_test(what_passes_cannot_be_sure_of_is_suspect),
		cmocka_unit_test(of_a_group_only_those_that_leak_are_counted),
		cmocka_unit_test(groups_of_one_site_are_one_finding),
		cmocka_unit_test(mains_own_wait_is_no_leak),
		cmocka_unit_test(the_runtimes_own_are_never_leaked),
		cmocka_unit_test(what_the_wait_proves_stays_proven),
		cmocka_unit_test(each_goroutine_has_its_own_verdict),
		cmocka_unit_test(a_cause_is_named_as_probable),
		cmocka_unit_test(the_channels_place_is_in_the_advice),
		cmocka_unit_test(what_it_waits_on_is_described),
		cmocka_unit_test(a_lock_that_is_not_released_for_minutes_is_suspect),
		cmocka_unit_test(other_waits_may_be_as_long_as_they_like),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
