// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "../unit.h"

#include "analysis/site.h"
#include "analysis/verdict.h"
#include "base/cleanup.h"

#define FRAME(name) { .pc = 0x401000, .entry = 0x400000, .function = (name), \
		      .file = "/src/app/file.go", .line = 12 }
#define STACK(f) { .frames = (f), .n = ARRAY_SIZE(f) }

static const struct frame send_frames[] = {
	FRAME("runtime.gopark"), FRAME("runtime.chansend"), FRAME("runtime.chansend1"),
	FRAME("main.f"),
};
static const struct frame recv_frames[] = {
	FRAME("runtime.gopark"), FRAME("runtime.chanrecv"), FRAME("runtime.chanrecv1"),
	FRAME("main.f"),
};
static const struct frame block_frames[] = {
	FRAME("runtime.gopark"), FRAME("runtime.block"), FRAME("main.f"),
};
static const struct frame main_frames[] = {
	FRAME("runtime.gopark"), FRAME("runtime.block"), FRAME("main.main"), FRAME("runtime.main"),
};

static struct group group_of(const char *reason, const struct stack stack, uint64_t count)
{
	return (struct group){ .id = count, .count = count, .state = GO_WAITING,
			       .wait_reason = reason, .stack = stack, .n_samples = 1,
			       .sample_ids = { 7 }, .oldest_wait_ns = WAIT_UNKNOWN };
}

static struct snapshot *judged(const struct group *groups, uint32_t n)
{
	struct snapshot *s = snapshot_new();

	assert_non_null(s);
	s->groups = arena_alloc(s->arena, n + 1, sizeof(*groups));
	assert_non_null(s->groups);
	memcpy(s->groups, groups, n * sizeof(*groups));
	s->n_groups = n;
	assert_int_equal(verdict_judge(s), 0);
	return s;
}

static void expect_one(struct group g, enum verdict verdict, const char *pattern)
{
	CLEANUP(snapshot_free_p) struct snapshot *s = judged(&g, 1);

	assert_int_equal(s->groups[0].verdict, verdict);
	if (!pattern) {
		assert_null(s->groups[0].pattern);
		assert_int_equal(s->n_findings, 0);
		return;
	}
	assert_string_equal(s->groups[0].pattern, pattern);
	assert_int_equal(s->n_findings, 1);
	assert_string_equal(s->findings[0].pattern, pattern);
	assert_int_equal(s->findings[0].verdict,
			 verdict == VERDICT_OK ? VERDICT_EXPLAINED : verdict);
	assert_int_equal(s->findings[0].count, g.count);
	assert_true(s->findings[0].n_evidence > 0);
}

static void endless_waits_are_proven_by_the_wait_itself(void **state)
{
	(void)state;
	expect_one(group_of("chan send (nil chan)", (struct stack)STACK(send_frames), 3),
		   VERDICT_PROVEN, "nil-chan-send");
	expect_one(group_of("chan receive (nil chan)", (struct stack)STACK(recv_frames), 1),
		   VERDICT_PROVEN, "nil-chan-recv");
	expect_one(group_of("select (no cases)", (struct stack)STACK(block_frames), 2),
		   VERDICT_PROVEN, "select-forever");
}

static void a_durable_suffix_changes_nothing(void **state)
{
	(void)state;
	expect_one(group_of("chan send (nil chan) (durable)", (struct stack)STACK(send_frames), 3),
		   VERDICT_PROVEN, "nil-chan-send");
	expect_one(group_of(" (durable)", (struct stack)STACK(send_frames), 3),
		   VERDICT_UNKNOWN, NULL);
}

static void a_reason_that_the_stack_does_not_bear_out_proves_nothing(void **state)
{
	struct group g = group_of("chan send (nil chan)", (struct stack)STACK(recv_frames), 3);

	(void)state;
	expect_one(g, VERDICT_UNKNOWN, NULL);
	g = group_of("select (no cases)", (struct stack){ .n = 0 }, 3);
	expect_one(g, VERDICT_UNKNOWN, NULL);
	g = group_of("select (no cases)", (struct stack)STACK(block_frames), 3);
	g.state = GO_RUNNING;
	expect_one(g, VERDICT_UNKNOWN, NULL);
}

static void other_waits_stay_unknown(void **state)
{
	(void)state;
	expect_one(group_of("chan send", (struct stack)STACK(send_frames), 3), VERDICT_UNKNOWN, NULL);
	expect_one(group_of("", (struct stack)STACK(send_frames), 3), VERDICT_UNKNOWN, NULL);
	expect_one(group_of(NULL, (struct stack)STACK(send_frames), 3), VERDICT_UNKNOWN, NULL);
}

static void a_select_of_main_alone_is_explained(void **state)
{
	struct group g = group_of("select (no cases)", (struct stack)STACK(main_frames), 1);

	(void)state;
	g.sample_ids[0] = 1;
	expect_one(g, VERDICT_OK, "select-forever");
	/* Another goroutine that runs the same code is not main. */
	g.sample_ids[0] = 2;
	expect_one(g, VERDICT_PROVEN, "select-forever");
	g.sample_ids[0] = 1;
	g.stack = (struct stack)STACK(block_frames);
	expect_one(g, VERDICT_PROVEN, "select-forever");
}

static void groups_are_sorted_and_indices_follow(void **state)
{
	const struct group groups[] = {
		{ .id = 1, .count = 50, .system = true },
		group_of("select", (struct stack)STACK(block_frames), 9),
		group_of("chan send", (struct stack)STACK(send_frames), 900),
		group_of("select (no cases)", (struct stack)STACK(block_frames), 2),
		group_of("chan receive (nil chan)", (struct stack)STACK(recv_frames), 5),
	};
	const uint64_t want[] = { 5, 2, 900, 9, 50 };
	struct goroutine list[] = { { .id = 1, .group = 0 }, { .id = 2, .group = 2 },
				    { .id = 3, .group = 4 }, { .id = 4, .group = 77 } };
	CLEANUP(snapshot_free_p) struct snapshot *s = snapshot_new();

	(void)state;
	assert_non_null(s);
	s->groups = arena_alloc(s->arena, ARRAY_SIZE(groups), sizeof(*groups));
	assert_non_null(s->groups);
	memcpy(s->groups, groups, sizeof(groups));
	s->n_groups = ARRAY_SIZE(groups);
	s->goroutines = list;
	s->n_goroutines = ARRAY_SIZE(list);
	assert_int_equal(verdict_judge(s), 0);
	for (size_t i = 0; i < ARRAY_SIZE(want); i++)
		assert_int_equal(s->groups[i].count, want[i]);
	assert_int_equal(s->n_findings, 2);
	for (uint32_t i = 0; i < 2; i++)
		assert_int_equal(s->groups[s->findings[i].group].count, s->findings[i].count);
	assert_int_equal(s->groups[list[0].group].count, 50);
	assert_int_equal(s->groups[list[1].group].count, 900);
	assert_int_equal(s->groups[list[2].group].count, 5);
	assert_int_equal(list[3].group, 77);
	assert_int_equal(s->groups[4].verdict, VERDICT_OK);
}

/* proven > likely > suspect > candidate > explained > ok > unknown. */
static void findings_are_sorted_also_where_there_are_no_groups(void **state)
{
	CLEANUP(snapshot_free_p) struct snapshot *s = snapshot_new();
	struct finding findings[] = {
		{ .pattern = "f", .verdict = VERDICT_UNKNOWN, .group = FINDING_NO_GROUP },
		{ .pattern = "c", .verdict = VERDICT_CANDIDATE, .group = FINDING_NO_GROUP },
		{ .pattern = "d", .verdict = VERDICT_EXPLAINED, .group = FINDING_NO_GROUP },
		{ .pattern = "b", .verdict = VERDICT_SUSPECT, .group = FINDING_NO_GROUP },
		{ .pattern = "e", .verdict = VERDICT_OK, .group = FINDING_NO_GROUP },
		{ .pattern = "a", .verdict = VERDICT_LIKELY, .group = FINDING_NO_GROUP },
		{ .pattern = "b", .verdict = VERDICT_SUSPECT, .count = 2,
		  .group = FINDING_NO_GROUP },
	};
	static const char *const want[] = { "a", "b", "b", "c", "d", "e", "f" };

	(void)state;
	s->findings = findings;
	s->n_findings = ARRAY_SIZE(findings);
	assert_int_equal(verdict_sort(s), 0);
	for (size_t i = 0; i < ARRAY_SIZE(want); i++)
		assert_string_equal(findings[i].pattern, want[i]);
	assert_int_equal(findings[1].count, 2);
}

static void judging_twice_gives_the_same(void **state)
{
	const struct group g = group_of("select (no cases)", (struct stack)STACK(block_frames), 2);
	CLEANUP(snapshot_free_p) struct snapshot *s = judged(&g, 1);

	(void)state;
	assert_int_equal(verdict_judge(s), 0);
	assert_int_equal(s->n_findings, 1);
	assert_int_equal(s->groups[0].verdict, VERDICT_PROVEN);
}

typedef const struct frame *chooser(const struct stack *s, const char *module);

static const char *chosen(chooser *choose, const char *const *functions, uint32_t n,
			  const char *module)
{
	struct frame frames[8] = { 0 };
	const struct stack stack = { .frames = frames, .n = n };
	const struct frame *f;

	for (uint32_t i = 0; i < n; i++)
		frames[i].function = functions[i];
	f = choose(&stack, module);
	return f ? f->function ? f->function : "?" : "none";
}

static const char *site(const char *const *functions, uint32_t n, const char *module)
{
	return chosen(site_frame, functions, n, module);
}

static const char *mixed_site(const char *const *functions, uint32_t n)
{
	return chosen(site_frame_mixed, functions, n, NULL);
}

static void the_site_is_the_first_frame_of_the_program_itself(void **state)
{
	const char *const user[] = { "runtime.gopark", "internal/poll.(*FD).Read", "net.(*conn).Read",
				     "github.com/a/b.(*C).D", "main.main" };
	const char *const std[] = { "runtime.gopark", "internal/poll.runtime_pollWait",
				    "bufio.(*Reader).fill", "net/http.(*persistConn).readLoop",
				    "runtime.main" };
	const char *const generic[] = { "runtime.gopark", "slices.SortFunc[go.shape.[]a.b/c.T]",
					"main.f[...]" };
	const char *const module[] = { "runtime.gopark", "net/tool.Wait", "main.main" };
	const char *const cgo[] = { "runtime.cgocall", "a.b/c._Cfunc_pause", "a.b/c.Wait" };
	const char *const odd[] = { NULL, "", "runtime.x" };

	(void)state;
	assert_string_equal(site(user, 5, NULL), "github.com/a/b.(*C).D");
	assert_string_equal(site(std, 5, NULL), "net/http.(*persistConn).readLoop");
	assert_string_equal(site(generic, 3, NULL), "main.f[...]");
	assert_string_equal(site(module, 3, NULL), "main.main");
	assert_string_equal(site(module, 3, "net/tool"), "net/tool.Wait");
	assert_string_equal(site(cgo, 3, NULL), "a.b/c.Wait");
	assert_string_equal(site(odd, 3, ""), "");
	assert_string_equal(site(odd, 1, NULL), "?");
	assert_string_equal(site(odd, 0, NULL), "none");
}

static void the_site_of_a_c_stack_is_what_called_the_library(void **state)
{
	const char *const c[] = { "__lll_lock_wait", "pthread_mutex_lock", "take_second", "main" };
	const char *const cgo[] = { "__mmap", "sysmalloc", "_int_malloc", "malloc", "keep",
				    "main._Cfunc_keep", "runtime.asmcgocall.abi0", "main.leak" };
	const char *const wrapper[] = { "malloc", "_cgo_1_Cfunc_malloc", "runtime.asmcgocall.abi0",
					"main._Cfunc_malloc", "main.leak" };
	const char *const bare[] = { NULL, "libc.so.6+0x8f0e2", "__clone3" };
	const char *const cpp[] = { "operator new(unsigned long)", "std::string::_M_create",
				    "shop::cart(int)" };
	const char *const go[] = { "runtime.mallocgc", "net/http.(*conn).serve" };

	(void)state;
	assert_string_equal(mixed_site(c, 4), "take_second");
	assert_string_equal(mixed_site(cgo, 8), "keep");
	assert_string_equal(mixed_site(wrapper, 5), "main.leak");
	assert_string_equal(mixed_site(bare, 3), "libc.so.6+0x8f0e2");
	assert_string_equal(mixed_site(bare, 1), "?");
	assert_string_equal(mixed_site(cpp, 3), "shop::cart(int)");
	assert_string_equal(mixed_site(go, 2), "net/http.(*conn).serve");
	assert_string_equal(mixed_site(NULL, 0), "none");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(endless_waits_are_proven_by_the_wait_itself),
		cmocka_unit_test(a_durable_suffix_changes_nothing),
		cmocka_unit_test(a_reason_that_the_stack_does_not_bear_out_proves_nothing),
		cmocka_unit_test(other_waits_stay_unknown),
		cmocka_unit_test(a_select_of_main_alone_is_explained),
		cmocka_unit_test(groups_are_sorted_and_indices_follow),
		cmocka_unit_test(findings_are_sorted_also_where_there_are_no_groups),
		cmocka_unit_test(judging_twice_gives_the_same),
		cmocka_unit_test(the_site_is_the_first_frame_of_the_program_itself),
		cmocka_unit_test(the_site_of_a_c_stack_is_what_called_the_library),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
