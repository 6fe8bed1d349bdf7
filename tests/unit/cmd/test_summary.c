// SPDX-License-Identifier: Apache-2.0
#include "report/summary.h"

#include <stdlib.h>
#include <string.h>

#include "report/report.h"

#include "../unit.h"

static struct snapshot *server(int pid, const char *name, uint64_t total)
{
	static const struct frame frames[] = {
		{ .pc = 0x1000, .function = "runtime.gopark", .file = "/go/src/runtime/proc.go",
		  .line = 400 },
		{ .pc = 0x2000, .function = "main.fetch.func1", .file = "/src/fetch.go",
		  .line = 48 },
	};
	struct snapshot *s = snapshot_new();

	assert_non_null(s);
	s->process.pid = pid;
	s->process.name = name;
	s->process.go_version = "go1.24.9";
	s->total = total;
	s->n_groups = 2;
	s->groups = arena_alloc(s->arena, 2, sizeof(*s->groups));
	s->groups[0] = (struct group){ .count = total + 9, .state = GO_WAITING, .system = true,
				       .wait_reason = "force gc (idle)" };
	s->groups[1] = (struct group){ .count = total, .state = GO_WAITING,
				       .wait_reason = "chan send",
				       .stack = { .frames = frames, .n = 2 } };
	return s;
}

static void find(struct snapshot *s, enum verdict v)
{
	s->findings = arena_alloc(s->arena, 1, sizeof(*s->findings));
	s->findings[0].verdict = v;
	s->n_findings = 1;
}

/* Adds each and frees them; the text is the caller's. */
static char *summarize(struct summary *sum, struct snapshot **all, size_t n)
{
	const struct report_options form = { .width = 80 };
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(out);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(summary_add(sum, all[i]), 0);
		/* What the summary shows is its own. */
		snapshot_free(all[i]);
	}
	assert_int_equal(report_summary(sum, out, &form), 0);
	fclose(out);
	return text;
}

static void a_line_names_the_largest_group_of_the_programs_own(void **state)
{
	struct summary sum = { .arena = arena_new() };
	struct snapshot *s = server(4242, "shop-api", 12031);
	char *text = summarize(&sum, &s, 1);

	(void)state;
	assert_string_equal(text,
		"  PID  NAME      GO     GOROUTINES FINDINGS  LARGEST GROUP\n"
		" 4242  shop-api  1.24.9     12,031        0  12,031 chan send main.fetch.func1 "
		"\xe2\x80\xa6\n");
	free(text);
	arena_free(sum.arena);
}

static void the_worst_comes_first_and_healthy_findings_do_not_count(void **state)
{
	struct summary sum = { .arena = arena_new() };
	struct snapshot *all[] = { server(1, "big", 900), server(2, "leaky", 10),
				   server(3, "fine", 5) };
	char *text;

	(void)state;
	find(all[1], VERDICT_PROVEN);
	find(all[2], VERDICT_CANDIDATE);
	text = summarize(&sum, all, 3);
	assert_true(strstr(text, "leaky") < strstr(text, "big"));
	assert_true(strstr(text, "big") < strstr(text, "fine"));
	assert_int_equal(sum.processes[0].findings, 1);
	assert_int_equal(sum.processes[2].findings, 0);
	free(text);
	arena_free(sum.arena);
}

static void no_process_at_all_is_said(void **state)
{
	struct summary sum = { .arena = arena_new() };
	char *text = summarize(&sum, NULL, 0);

	(void)state;
	assert_string_equal(text, "no Go process found\n");
	free(text);
	arena_free(sum.arena);
}

static void what_was_not_read_is_named_with_its_reason(void **state)
{
	struct summary sum = { .arena = arena_new(), .denied = 1234 };
	char *text;

	(void)state;
	for (int i = 0; i < 5; i++)
		assert_int_equal(summary_add_miss(&sum, 10 + i, "old\033", "go1.17 is too old"), 0);
	text = summarize(&sum, NULL, 0);
	assert_non_null(strstr(text, "5 processes that run Go, or may, could not be read\n"));
	assert_non_null(strstr(text, "   14  "));
	assert_non_null(strstr(text, "go1.17 is too old\n"));
	assert_non_null(strstr(text, "1,234 more could not be looked at"));
	assert_null(strchr(text, '\033'));
	free(text);
	arena_free(sum.arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_names_the_largest_group_of_the_programs_own),
		cmocka_unit_test(the_worst_comes_first_and_healthy_findings_do_not_count),
		cmocka_unit_test(no_process_at_all_is_said),
		cmocka_unit_test(what_was_not_read_is_named_with_its_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
