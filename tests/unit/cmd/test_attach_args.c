// SPDX-License-Identifier: Apache-2.0
#include "cmd/attach.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "cmd/arguments.h"

#include "../unit.h"

struct result {
	int r;
	struct attach_args args;
	struct diag d;
};

static struct result parse(const char *const *words)
{
	struct result res = { 0 };
	char *argv[16] = { (char[]){ "attach" } };
	int argc = 1;

	for (; words[argc - 1]; argc++)
		argv[argc] = (char *)words[argc - 1];
	res.r = attach_args_parse(argc, argv, &res.args, &res.d);
	return res;
}

#define PARSE(...) parse((const char *const[]){ __VA_ARGS__ __VA_OPT__(, ) NULL })

static void pids_alone_mean_text_every_five_seconds(void **state)
{
	struct result res = PARSE("42", "4242");

	(void)state;
	assert_int_equal(res.r, 0);
	assert_int_equal(res.args.n_pids, 2);
	assert_int_equal(res.args.pids[1], 4242);
	assert_true(res.args.interval_s == 5 && res.args.budget == 1 && res.args.for_s == 0);
	assert_false(res.args.json);
}

static void probes_are_all_unless_some_are_named(void **state)
{
	(void)state;
	assert_int_equal(PARSE("7").args.probes, (1 << COLLECTORS) - 1);
	assert_int_equal(PARSE("7", "--probes", "all").args.probes, (1 << COLLECTORS) - 1);
	assert_int_equal(PARSE("7", "--probes", "none").args.probes, 0);
	assert_int_equal(PARSE("7", "--probes", "oncpu,futex").args.probes,
			 1 << COLLECTOR_FUTEX | 1 << COLLECTOR_ONCPU);
}

static void durations_have_units(void **state)
{
	static const struct {
		const char *text;
		double s;
	} good[] = {
		{ "90", 90 },  { "1.5s", 1.5 },	 { "250ms", 0.25 },
		{ "2m", 120 }, { "1h", 3600 }, { "365d", 31536000 },
	};
	static const char *const bad[] = { "", "s", "0", "-1s", "1e3", "1.2.3", "5 s", "366d",
					   "9999999999999999s", "inf", "0x10", ".5", "1w" };
	struct diag d = DIAG_INIT;
	double s;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_int_equal(argument_duration(good[i].text, &s, &d), 0);
		assert_true(s >= good[i].s - 1e-9 && s <= good[i].s + 1e-9);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(argument_duration(bad[i], &s, &d), -EINVAL);
}

static void percentages_are_of_one_core(void **state)
{
	static const char *const bad[] = { "0", "101", "-1", "1%%", "", "%", "nan" };
	struct diag d = DIAG_INIT;
	double p;

	(void)state;
	assert_int_equal(argument_percent("0.5", &p, &d), 0);
	assert_true(p == 0.5);
	assert_int_equal(argument_percent("100%", &p, &d), 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(argument_percent(bad[i], &p, &d), -EINVAL);
}

static void what_cannot_be_meant_is_refused(void **state)
{
	(void)state;
	assert_string_equal(PARSE().d.why, "no target");
	assert_string_equal(PARSE("--all", "7").d.why, "more than one kind of target");
	assert_string_equal(PARSE("--cgroup", "x", "--all").d.why, "more than one kind of target");
	assert_string_equal(PARSE("7", "8", "7").d.why, "named twice");
	assert_string_equal(PARSE("7", "--probes", "futex,fut").d.why,
			    "there is no probe \"fut\"");
	assert_int_equal(PARSE("7", "--probes", "").r, -EINVAL);
	assert_int_equal(PARSE("7", "--probes", "futex,").r, -EINVAL);
	assert_string_equal(PARSE("7", "--interval", "99ms").d.why,
			    "99ms is too short: 100 ms at least");
	assert_int_equal(PARSE("7", "--format", "pprof").r, -EINVAL);
	assert_int_equal(PARSE("7", "--fail-on", "ok").r, -EINVAL);
	assert_int_equal(PARSE("7", "--fail-on", "candidate").r, -EINVAL);
}

static void top_without_a_pid_is_the_whole_machine(void **state)
{
	static const struct {
		const char *word;
		bool all;
	} lines[] = { { NULL, true }, { "42", false }, { "--cgroup=x", false } };
	struct attach_args args;
	struct diag d = DIAG_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		char *argv[] = { (char[]){ "top" }, (char *)lines[i].word, NULL };

		assert_int_equal(top_args_parse(lines[i].word ? 2 : 1, argv, &args, &d), 0);
		assert_int_equal(args.all, lines[i].all);
		assert_true(args.top);
	}
	assert_int_equal(top_args_parse(3, (char *[]){ (char[]){ "top" }, (char[]){ "--cgroup=x" },
						       (char[]){ "42" }, NULL }, &args, &d), -EINVAL);
	assert_int_equal(top_args_parse(2, (char *[]){ (char[]){ "top" }, (char[]){ "--json" }, NULL },
					&args, &d), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pids_alone_mean_text_every_five_seconds),
		cmocka_unit_test(probes_are_all_unless_some_are_named),
		cmocka_unit_test(durations_have_units),
		cmocka_unit_test(percentages_are_of_one_core),
		cmocka_unit_test(what_cannot_be_meant_is_refused),
		cmocka_unit_test(top_without_a_pid_is_the_whole_machine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
