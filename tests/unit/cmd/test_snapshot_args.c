// SPDX-License-Identifier: Apache-2.0
#include "cmd/snapshot.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "cmd/arguments.h"
#include "report/report.h"

#include "../unit.h"

struct result {
	int r;
	struct snapshot_args args;
	struct diag d;
};

static struct result parse(const char *const *words)
{
	struct result res = { 0 };
	char *argv[16] = { (char[]){ "snapshot" } };
	int argc = 1;

	for (; words[argc - 1]; argc++)
		argv[argc] = (char *)words[argc - 1];
	res.r = snapshot_args_parse(argc, argv, &res.args, &res.d);
	return res;
}

#define PARSE(...) parse((const char *const[]){ __VA_ARGS__ __VA_OPT__(, ) NULL })

static void a_pid_alone_means_text_on_stdout(void **state)
{
	struct result res = PARSE("4242");

	(void)state;
	assert_int_equal(res.r, 0);
	assert_int_equal(res.args.pid, 4242);
	assert_string_equal(res.args.format->name, "text");
	assert_null(res.args.output);
	assert_false(res.args.goroutines);
	assert_int_equal(res.args.fail_on, VERDICT_UNKNOWN);
}

static void json_is_short_for_its_format(void **state)
{
	struct result res = PARSE("--json", "4242");

	(void)state;
	assert_int_equal(res.r, 0);
	assert_string_equal(res.args.format->name, "json");
	res = PARSE("-f", "json", "4242");
	assert_int_equal(res.r, 0);
	assert_string_equal(res.args.format->name, "json");
}

static void every_format_is_accepted_by_its_name(void **state)
{
	(void)state;
	for (const struct report_format *f = report_formats; f->name; f++) {
		struct result res = PARSE("--format", f->name, "-o", "file", "4242");

		assert_int_equal(res.r, 0);
		assert_ptr_equal(res.args.format, f);
	}
}

static void fail_on_takes_the_three_verdicts(void **state)
{
	(void)state;
	assert_int_equal(PARSE("--fail-on", "proven", "1").args.fail_on, VERDICT_PROVEN);
	assert_int_equal(PARSE("--fail-on=likely", "1").args.fail_on, VERDICT_LIKELY);
	assert_int_equal(PARSE("--fail-on=suspect", "1").args.fail_on, VERDICT_SUSPECT);
	assert_int_equal(PARSE("--fail-on=ok", "1").r, -EINVAL);
	assert_int_equal(PARSE("--fail-on=unknown", "1").r, -EINVAL);
}

static void exactly_one_target_is_wanted(void **state)
{
	(void)state;
	assert_int_equal(PARSE().r, -EINVAL);
	assert_int_equal(PARSE("1", "2").r, -EINVAL);
	assert_int_equal(PARSE("1", "--all").r, -EINVAL);
	assert_int_equal(PARSE("1", "--core", "file").r, -EINVAL);
	assert_int_equal(PARSE("--all", "--core", "file").r, -EINVAL);
	assert_int_equal(PARSE("--all").r, 0);
	assert_int_equal(PARSE("--core", "file").r, 0);
}

static void a_pid_is_a_positive_number_and_nothing_else(void **state)
{
	static const char *const bad[] = {
		"", "0", "-1", "+1", " 1", "1 ", "0x10", "1.5", "1e3", "12a", "2147483648",
		"18446744073709551617", "99999999999999999999999", "self",
	};
	struct diag d = DIAG_INIT;
	pid_t pid = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(argument_pid(bad[i], &pid, &d), -EINVAL);
	assert_int_equal(pid, 0);
	assert_int_equal(argument_pid("2147483647", &pid, &d), 0);
	assert_int_equal(pid, 2147483647);
}

static void prove_takes_how_long_it_may_stop_one_process(void **state)
{
	(void)state;
	assert_true(PARSE("4242").args.prove_s == 0);
	assert_true(PARSE("--prove", "4242").args.prove_s == LEAKS_MAX_PAUSE_MS / 1e3);
	assert_true(PARSE("--prove=2s", "4242").args.prove_s == 2);
	assert_true(PARSE("--prove=50ms", "4242").args.prove_s == 0.05);
	assert_int_equal(PARSE("--prove=0", "4242").r, -EINVAL);
	assert_int_equal(PARSE("--prove=", "4242").r, -EINVAL);
	assert_int_equal(PARSE("--prove=long", "4242").r, -EINVAL);
	assert_int_equal(PARSE("--prove", "--no-leaks", "4242").r, -EINVAL);
	assert_int_equal(PARSE("--prove", "--leaks", "4242").r, 0);
	assert_int_equal(PARSE("--prove", "--all").r, -EINVAL);
	/* It stands still already. */
	assert_int_equal(PARSE("--prove", "--core", "core").r, 0);
}

static void leaks_are_one_of_three_wishes(void **state)
{
	(void)state;
	assert_int_equal(PARSE("4242").args.leaks, LEAKS_IF_CHEAP);
	assert_int_equal(PARSE("--leaks", "4242").args.leaks, LEAKS_ALWAYS);
	assert_int_equal(PARSE("--no-leaks", "4242").args.leaks, LEAKS_NEVER);
	assert_int_equal(PARSE("--no-leaks", "--leaks", "4242").args.leaks, LEAKS_ALWAYS);
	assert_int_equal(PARSE("--leaks=no", "4242").r, -EINVAL);
	assert_int_equal(PARSE("--leaks", "--core", "core").r, 0);
	assert_int_equal(PARSE("-f", "goroutineleak", "-o", "x", "4242").r, 0);
	assert_int_equal(PARSE("-f", "goroutineleak", "-o", "x", "--no-leaks", "4242").r, -EINVAL);
}

static void memory_is_one_of_four_wishes(void **state)
{
	(void)state;
	assert_int_equal(PARSE("4242").args.memory, LEDGER_IF_CHEAP);
	assert_int_equal(PARSE("--memory", "4242").args.memory, LEDGER_ALWAYS);
	assert_int_equal(PARSE("--memory=lazyfree", "4242").args.memory, LEDGER_LAZYFREE);
	assert_int_equal(PARSE("--no-memory", "4242").args.memory, LEDGER_NEVER);
	assert_int_equal(PARSE("--no-memory", "--memory", "4242").args.memory, LEDGER_ALWAYS);
	assert_int_equal(PARSE("--memory=no", "4242").r, -EINVAL);
	assert_int_equal(PARSE("--memory=", "4242").r, -EINVAL);
	assert_int_equal(PARSE("--memory", "--core", "core").r, -EINVAL);
	assert_int_equal(PARSE("--no-memory", "--core", "core").r, 0);
	/* The heap profile needs no pages. */
	assert_int_equal(PARSE("--memory", "-f", "pprof", "-o", "x", "--core", "core").r, 0);
	assert_int_equal(PARSE("--memory", "--all").r, 0);
	assert_int_equal(PARSE("--memory=lazyfree", "--all").r, -EINVAL);
}

static void all_has_two_forms(void **state)
{
	(void)state;
	assert_int_equal(PARSE("--all", "--json").r, 0);
	assert_int_equal(PARSE("--all", "--json", "--goroutines").r, 0);
	assert_int_equal(PARSE("--all", "--goroutines").r, -EINVAL);
	for (const struct report_format *f = report_formats; f->name; f++)
		if (strcmp(f->name, "text") != 0 && strcmp(f->name, "json") != 0)
			assert_int_equal(PARSE("--all", "-o", "file", "-f", f->name).r, -EINVAL);
}

static void help_needs_no_target(void **state)
{
	struct result res = PARSE("--help");

	(void)state;
	assert_int_equal(res.r, 0);
	assert_true(res.args.help);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pid_alone_means_text_on_stdout),
		cmocka_unit_test(json_is_short_for_its_format),
		cmocka_unit_test(every_format_is_accepted_by_its_name),
		cmocka_unit_test(fail_on_takes_the_three_verdicts),
		cmocka_unit_test(exactly_one_target_is_wanted),
		cmocka_unit_test(a_pid_is_a_positive_number_and_nothing_else),
		cmocka_unit_test(prove_takes_how_long_it_may_stop_one_process),
		cmocka_unit_test(leaks_are_one_of_three_wishes),
		cmocka_unit_test(memory_is_one_of_four_wishes),
		cmocka_unit_test(all_has_two_forms),
		cmocka_unit_test(help_needs_no_target),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
