// SPDX-License-Identifier: Apache-2.0
/* loiter diff: two saved snapshots, and what changed between them. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "analysis/diff.h"
#include "cmd/arguments.h"
#include "cmd/command.h"
#include "cmd/exit.h"
#include "cmd/output.h"
#include "cmd/terminal.h"
#include "collect/saved.h"
#include "report/diff.h"

/* Rows of a table that a screen holds; whoever pipes the text gets all of them. */
enum { TOP_ON_TERMINAL = 20 };

struct diff_args {
	bool help;
	bool json;
	const char *output;	/* NULL: stdout */
	enum verdict fail_on;	/* VERDICT_UNKNOWN: not said */
	const char *files[2];
};

static int parse_format(const char *arg, void *field, struct diag *d)
{
	if (strcmp(arg, "text") != 0 && strcmp(arg, "json") != 0) {
		diag_fail(d, -EINVAL, "there is no format \"%s\"", arg);
		return diag_hint(d, -EINVAL, "the formats are text, json");
	}
	*(bool *)field = strcmp(arg, "json") == 0;
	return 0;
}

#define FIELD(name) .offset = offsetof(struct diff_args, name)

static const struct option_row rows[] = {
	{ .name = "format", .key = 'f', .arg = "FORMAT", .type = OPTION_PARSE, FIELD(json),
	  .parse = parse_format, .help = "the form of the answer: text or json" },
	{ .name = "json", .type = OPTION_PARSE, FIELD(json), .parse = parse_format,
	  .fixed = "json", .help = "the same as --format json" },
	{ .name = "output", .key = 'o', .arg = "FILE", .type = OPTION_STRING, FIELD(output),
	  .help = "write to FILE, which appears once it is complete" },
	{ .name = "fail-on", .arg = "VERDICT", .type = OPTION_PARSE, FIELD(fail_on),
	  .parse = argument_verdict,
	  .help = "exit with 1 when some finding is at least proven, likely or suspect" },
	{ .name = "help", .key = 'h', .type = OPTION_FLAG, FIELD(help),
	  .help = "show this and exit" },
	{ 0 },
};

static void say_more(FILE *out)
{
	fputs("\nBoth are files that `loiter snapshot PID --json -o FILE` saved; with "
	      "--goroutines\nin both it is known who stayed. See loiter-diff(8) and "
	      "loiter-json(5).\n", out);
}

static const struct option_set diff_options_set = {
	.program = "loiter diff",
	.operands = "BEFORE.json AFTER.json",
	.about = "Shows what changed between two saved snapshots: what grew, how fast, and what "
		 "stayed.",
	.rows = rows,
	.max_operands = 2,
	.help_more = say_more,
};

static int parse(int argc, char **argv, struct diff_args *a, struct diag *d)
{
	size_t n = 0;
	int r;

	*a = (struct diff_args){ .fail_on = VERDICT_UNKNOWN };
	r = options_parse(&diff_options_set, argc, argv, a, a->files, &n, NULL, d);
	if (r < 0 || a->help)
		return r;
	if (n != 2) {
		diag_fail(d, -EINVAL, n ? "only one file" : "no files");
		return diag_hint(d, -EINVAL, "give two that `loiter snapshot PID --json -o FILE` "
				 "saved");
	}
	return 0;
}

static bool matches(const struct diff *x, enum verdict least)
{
	for (uint32_t i = 0; least != VERDICT_UNKNOWN && i < x->n_findings; i++)
		if (x->findings[i].verdict >= least)
			return true;
	return false;
}

static int write_to(const struct diff_args *a, const struct diff *x, struct diag *d)
{
	struct report_options form = { .version = LOITER_VERSION };
	struct output out;
	int r;

	r = output_open(&out, a->output, d);
	if (r < 0)
		return r;
	form.colour = terminal_colour(out.fd);
	form.width = terminal_width(out.fd);
	form.top = isatty(out.fd) ? TOP_ON_TERMINAL : 0;
	r = (a->json ? report_diff_json : report_diff_text)(x, out.file, &form);
	/* A failed write has its reason in `out`, where output_finish() finds it. */
	if (r < 0 && !out.err) {
		output_done(&out);
		return r;
	}
	return output_finish(&out, d);
}

static int answer(const struct diff_args *a, bool *ret_matched, struct diag *d)
{
	CLEANUP(saved_free_p) struct saved *first = NULL;
	CLEANUP(saved_free_p) struct saved *second = NULL;
	CLEANUP(arena_free_p) struct arena *arena = arena_new();
	struct diff x;
	int r;

	if (!arena)
		return -ENOMEM;
	r = saved_read(a->files[0], &first, d);
	if (r == 0)
		r = saved_read(a->files[1], &second, d);
	if (r == 0)
		r = diff_compare(first, second, arena, &x, d);
	if (r < 0)
		return r;
	*ret_matched = matches(&x, a->fail_on);
	return write_to(a, &x, d);
}

static int run(int argc, char **argv)
{
	struct diag d = DIAG_INIT;
	struct diff_args args;
	bool matched = false;
	int r;

	r = parse(argc, argv, &args, &d);
	if (r < 0)
		return exit_fail(r, &d);
	if (args.help) {
		options_help(&diff_options_set, stdout);
		return help_finish();
	}
	r = answer(&args, &matched, &d);
	if (r < 0)
		return exit_fail(r, &d);
	return matched ? EXIT_MATCHED : EXIT_DONE;
}

const struct command diff_command = {
	.name = "diff",
	.summary = "what changed between two saved snapshots: what grew, and how fast",
	.options = &diff_options_set,
	.run = run,
};
