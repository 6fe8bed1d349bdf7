// SPDX-License-Identifier: Apache-2.0
#include "cmd/options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#include "../unit.h"

struct fields {
	bool flag, other;
	const char *string;
	int parsed;
};

static int parse_digit(const char *arg, void *field, struct diag *d)
{
	if (!arg) {
		*(int *)field = -1;
		return 0;
	}
	if (arg[0] < '0' || arg[0] > '9')
		return diag_fail(d, -EINVAL, "not a digit");
	*(int *)field = arg[0] - '0';
	return 0;
}

static const struct option_row rows[] = {
	{ .name = "flag", .key = 'f', .type = OPTION_FLAG,
	  .offset = offsetof(struct fields, flag), .help = "a flag" },
	{ .name = "flagrant", .type = OPTION_FLAG,
	  .offset = offsetof(struct fields, other), .help = "begins alike" },
	{ .name = "string", .key = 's', .arg = "TEXT", .type = OPTION_STRING,
	  .offset = offsetof(struct fields, string), .help = "a text" },
	{ .name = "digit", .arg = "N", .arg_optional = true, .type = OPTION_PARSE,
	  .offset = offsetof(struct fields, parsed), .parse = parse_digit, .help = "a digit" },
	{ .name = "seven", .type = OPTION_PARSE, .fixed = "7",
	  .offset = offsetof(struct fields, parsed), .parse = parse_digit, .help = "--digit=7" },
	{ .name = "idle", .type = OPTION_NOTHING, .help = "nothing" },
	{ .name = "secret", .hidden = true, .type = OPTION_NOTHING, .help = "not in the help" },
	{ 0 },
};

static const struct option_set set = {
	.program = "prog cmd", .operands = "THING", .about = "About it.", .rows = rows,
	.max_operands = 1,
};

static const struct option_set ordered = {
	.program = "prog", .operands = "CMD", .about = "About it.", .rows = rows,
	.max_operands = 1, .in_order = true,
};

struct result {
	int r;
	struct fields fields;
	const char *operand;
	size_t n;
	int next;
	struct diag d;
};

/* Words after the program's name, NULL at the end. */
static struct result parse(const struct option_set *with, const char *const *words)
{
	struct result res = { .next = -1 };
	char *argv[16] = { (char[]){ "prog" } };
	int argc = 1;

	for (; words[argc - 1]; argc++)
		argv[argc] = (char *)words[argc - 1];
	res.r = options_parse(with, argc, argv, &res.fields, &res.operand, &res.n, &res.next,
			      &res.d);
	return res;
}

#define PARSE(...) parse(&set, (const char *const[]){ __VA_ARGS__ __VA_OPT__(, ) NULL })

static void nothing_sets_nothing(void **state)
{
	struct result res = PARSE();

	(void)state;
	assert_int_equal(res.r, 0);
	assert_int_equal(res.n, 0);
	assert_false(res.fields.flag);
	assert_null(res.fields.string);
}

static void each_type_sets_its_field(void **state)
{
	struct result res = PARSE("--flag", "--string=text", "--digit=3", "thing", "--idle");

	(void)state;
	assert_int_equal(res.r, 0);
	assert_true(res.fields.flag);
	assert_string_equal(res.fields.string, "text");
	assert_int_equal(res.fields.parsed, 3);
	assert_int_equal(res.n, 1);
	assert_string_equal(res.operand, "thing");
}

static void options_may_follow_the_operand_and_end_at_two_dashes(void **state)
{
	struct result res = PARSE("thing", "-fs", "text");

	(void)state;
	assert_int_equal(res.r, 0);
	assert_true(res.fields.flag);
	assert_string_equal(res.fields.string, "text");
	res = PARSE("--", "--flag");
	assert_int_equal(res.r, 0);
	assert_false(res.fields.flag);
	assert_string_equal(res.operand, "--flag");
}

static void an_optional_argument_may_be_absent(void **state)
{
	struct result res = PARSE("--digit", "5");

	(void)state;
	assert_int_equal(res.r, 0);
	assert_int_equal(res.fields.parsed, -1);
	assert_string_equal(res.operand, "5");
}

static void a_fixed_argument_and_the_last_of_two_win(void **state)
{
	struct result res = PARSE("--digit=1", "--seven");

	(void)state;
	assert_int_equal(res.r, 0);
	assert_int_equal(res.fields.parsed, 7);
}

static void an_exact_name_is_not_ambiguous_and_a_unique_start_is_enough(void **state)
{
	struct result res = PARSE("--flag");

	(void)state;
	assert_true(res.fields.flag && !res.fields.other);
	res = PARSE("--str", "text");
	assert_int_equal(res.r, 0);
	assert_string_equal(res.fields.string, "text");
}

static void assert_refused(struct result res, const char *what, const char *why)
{
	assert_int_equal(res.r, -EINVAL);
	assert_string_equal(res.d.what, what);
	assert_string_equal(res.d.why, why);
}

static void what_is_refused_is_named_with_the_reason(void **state)
{
	(void)state;
	assert_refused(PARSE("--bogus"), "--bogus", "no such option");
	assert_refused(PARSE("--bogus=3"), "--bogus", "no such option");
	assert_refused(PARSE("--fl"), "--fl", "more than one option begins like this");
	assert_refused(PARSE("--flag=3"), "--flag", "takes no argument");
	assert_refused(PARSE("--string"), "--string", "an argument is missing");
	assert_refused(PARSE("--string="), "--string", "the argument is empty");
	assert_refused(PARSE("--digit=x"), "--digit", "not a digit");
	assert_refused(PARSE("one", "two"), "two", "one argument too many");
}

static void a_refused_short_option_is_found_in_its_cluster(void **state)
{
	(void)state;
	assert_refused(PARSE("-q"), "-q", "no such option");
	assert_refused(PARSE("-qf"), "-q", "no such option");
	assert_refused(PARSE("-fq"), "-q", "no such option");
	assert_refused(PARSE("-s"), "-s", "an argument is missing");
	assert_refused(PARSE("-f", "-fs"), "-s", "an argument is missing");
	assert_refused(PARSE("-5"), "-5", "no such option");
}

static void in_order_the_operand_ends_the_options(void **state)
{
	struct result res = parse(&ordered, (const char *const[]){ "-f", "sub", "--bogus", NULL });

	(void)state;
	assert_int_equal(res.r, 0);
	assert_true(res.fields.flag);
	assert_string_equal(res.operand, "sub");
	assert_int_equal(res.next, 2);
}

/* What a printer prints, in memory that the caller frees. */
static char *printed(void (*print)(const struct option_set *, FILE *))
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(out);
	print(&set, out);
	fclose(out);
	return text;
}

static void the_help_shows_every_row_but_hidden_ones(void **state)
{
	char *text = printed(options_help);

	(void)state;
	assert_non_null(strstr(text, "Usage: prog cmd [OPTION...] THING"));
	assert_non_null(strstr(text, "-f, --flag "));
	assert_non_null(strstr(text, "--digit[=N]"));
	assert_non_null(strstr(text, "-s, --string=TEXT"));
	assert_null(strstr(text, "secret"));
	free(text);
}

static void the_dump_has_a_line_a_row(void **state)
{
	char *text = printed(options_dump);
	size_t lines = 0;

	(void)state;
	for (const char *c = text; *c; c++)
		lines += *c == '\n';
	assert_int_equal(lines, ARRAY_SIZE(rows) - 1);
	assert_non_null(strstr(text, "option\tprog cmd\t--string\t-s\tTEXT\t\ta text\n"));
	assert_non_null(strstr(text, "option\tprog cmd\t--secret\t\t\thidden\tnot in the help\n"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_sets_nothing),
		cmocka_unit_test(each_type_sets_its_field),
		cmocka_unit_test(options_may_follow_the_operand_and_end_at_two_dashes),
		cmocka_unit_test(an_optional_argument_may_be_absent),
		cmocka_unit_test(a_fixed_argument_and_the_last_of_two_win),
		cmocka_unit_test(an_exact_name_is_not_ambiguous_and_a_unique_start_is_enough),
		cmocka_unit_test(what_is_refused_is_named_with_the_reason),
		cmocka_unit_test(a_refused_short_option_is_found_in_its_cluster),
		cmocka_unit_test(in_order_the_operand_ends_the_options),
		cmocka_unit_test(the_help_shows_every_row_but_hidden_ones),
		cmocka_unit_test(the_dump_has_a_line_a_row),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
