// SPDX-License-Identifier: Apache-2.0
#include "../unit.h"

#include <string.h>

#include "analysis/node_judge.h"
#include "base/cleanup.h"

#define MIB (1ull << 20)

static const struct finding cycle = { .pattern = "lock-cycle", .verdict = VERDICT_PROVEN,
				      .count = 2, .summary = "" };

static struct node_process process(int pid, double cores)
{
	return (struct node_process){
		.pid = pid, .kind = NODE_C, .cores = cores,
		.rss = { .known = true, .now = 100 * MIB, .window_s = 60 },
		.threads = { .known = true, .now = 4, .window_s = 60 },
	};
}

static struct arena *arena;

static uint32_t judge(struct node_process *all, uint32_t n)
{
	uint32_t worse = 99;

	arena_free(arena);
	arena = arena_new();
	assert_non_null(arena);
	assert_int_equal(node_judge(all, n, arena, &worse), 0);
	return worse;
}

static void who_stands_still_has_nothing_to_tell(void **state)
{
	struct node_process all[] = { process(10, 0.1), process(11, 0.9), process(12, -1) };

	(void)state;
	assert_int_equal(judge(all, 3), 0);
	/* The one that uses most CPU is first all the same. */
	assert_int_equal(all[0].pid, 11);
	assert_int_equal(all[2].pid, 12);
	assert_int_equal(all[0].n_findings, 0);
	assert_int_equal(judge(all, 0), 0);
}

static void what_grows_is_a_finding_with_its_rate(void **state)
{
	struct node_process p = process(10, 0);

	(void)state;
	p.rss.grows = p.threads.grows = true;
	p.rss.rate_per_min = 12.5 * MIB;
	p.threads.rate_per_min = 30;
	p.threads.now = 71;
	assert_int_equal(judge(&p, 1), 1);
	assert_int_equal(p.n_findings, 2);
	assert_string_equal(p.findings[0].pattern, "cgo-threads");
	assert_string_equal(p.findings[0].summary, "71 threads, +30 a minute for 60 s, and none ends");
	assert_string_equal(p.findings[1].pattern, "unexplained");
	assert_non_null(strstr(p.findings[1].summary, "+12.5 MiB a minute"));
	assert_int_equal(p.findings[1].bytes, 100 * MIB);
	assert_int_equal(p.findings[1].group, FINDING_NO_GROUP);
}

static void the_worst_is_first_and_then_what_grows_fastest(void **state)
{
	struct node_process all[] = { process(10, 0.9), process(11, 0), process(12, 0),
				      process(13, 0) };

	(void)state;
	all[1].rss.grows = all[2].rss.grows = true;
	all[1].rss.rate_per_min = 1 * MIB;
	all[2].rss.rate_per_min = 9 * MIB;
	all[3].findings = &cycle;
	all[3].n_findings = 1;
	assert_int_equal(judge(all, 4), 3);
	assert_int_equal(all[0].pid, 13);
	assert_int_equal(all[1].pid, 12);
	assert_int_equal(all[2].pid, 11);
	assert_int_equal(all[3].pid, 10);
}

static void what_locks_say_stays_and_comes_first(void **state)
{
	struct node_process p = process(10, 0);

	(void)state;
	p.findings = &cycle;
	p.n_findings = 1;
	p.threads.grows = true;
	p.threads.rate_per_min = 6;
	assert_int_equal(judge(&p, 1), 1);
	assert_int_equal(p.n_findings, 2);
	assert_string_equal(p.findings[0].pattern, "lock-cycle");
	assert_string_equal(p.findings[1].pattern, "cgo-threads");
}

static int teardown(void **state)
{
	(void)state;
	arena_free(arena);
	arena = NULL;
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_stands_still_has_nothing_to_tell),
		cmocka_unit_test(what_grows_is_a_finding_with_its_rate),
		cmocka_unit_test(the_worst_is_first_and_then_what_grows_fastest),
		cmocka_unit_test(what_locks_say_stays_and_comes_first),
	};

	return cmocka_run_group_tests(tests, NULL, teardown);
}
