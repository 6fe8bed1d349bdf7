// SPDX-License-Identifier: Apache-2.0
/* The options of `loiter snapshot` and what they must be together. */
#include "cmd/snapshot.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "report/report.h"

static int parse_format(const char *arg, void *field, struct diag *d)
{
	const struct report_format *f = report_format_find(arg);
	char names[160] = "";

	if (f) {
		*(const struct report_format **)field = f;
		return 0;
	}
	for (f = report_formats; f->name; f++) {
		strncat(names, *names ? ", " : "", sizeof(names) - strlen(names) - 1);
		strncat(names, f->name, sizeof(names) - strlen(names) - 1);
	}
	diag_fail(d, -EINVAL, "there is no format \"%s\"", arg);
	return diag_hint(d, -EINVAL, "the formats are %s", names);
}

static int parse_verdict(const char *arg, void *field, struct diag *d)
{
	for (enum verdict v = VERDICT_SUSPECT; v <= VERDICT_PROVEN; v++) {
		if (strcmp(arg, verdict_name(v)) == 0) {
			*(enum verdict *)field = v;
			return 0;
		}
	}
	diag_fail(d, -EINVAL, "there is no verdict \"%s\"", arg);
	return diag_hint(d, -EINVAL, "give proven, likely or suspect");
}

/* Better refused than ignored: the answer would lack what was asked for. */
static int refuse_later(const char *arg, void *field, struct diag *d)
{
	(void)arg;
	(void)field;
	diag_fail(d, -EINVAL, "not in this version");
	return diag_hint(d, -EINVAL, "leave it out");
}

#define FIELD(name) .offset = offsetof(struct snapshot_args, name)

static const struct option_row rows[] = {
	{ .name = "all", .key = 'a', .type = OPTION_FLAG, FIELD(all),
	  .help = "every Go process on the machine, one summary each" },
	{ .name = "core", .arg = "FILE", .type = OPTION_STRING, FIELD(core),
	  .help = "read a core file instead of a running process" },
	{ .name = "goroutines", .key = 'g', .type = OPTION_FLAG, FIELD(goroutines),
	  .help = "list every goroutine, not only groups of them" },
	{ .name = "format", .key = 'f', .arg = "FORMAT", .type = OPTION_PARSE, FIELD(format),
	  .parse = parse_format, .help = "the form of the answer, one of those below" },
	{ .name = "json", .type = OPTION_PARSE, FIELD(format), .parse = parse_format,
	  .fixed = "json", .help = "the same as --format json" },
	{ .name = "output", .key = 'o', .arg = "FILE", .type = OPTION_STRING, FIELD(output),
	  .help = "write to FILE, which appears once it is complete" },
	{ .name = "fail-on", .arg = "VERDICT", .type = OPTION_PARSE, FIELD(fail_on),
	  .parse = parse_verdict,
	  .help = "exit with 1 when some goroutine is at least proven, likely or suspect" },
	{ .name = "no-leaks", .type = OPTION_NOTHING,
	  .help = "leave out what needs a search of the heap (this version always does)" },
	{ .name = "leaks", .type = OPTION_PARSE, .parse = refuse_later,
	  .help = "search the heap for leaks (refused by this version)" },
	{ .name = "prove", .arg = "MAX_PAUSE", .arg_optional = true, .type = OPTION_PARSE,
	  .parse = refuse_later,
	  .help = "stop the process for one exact search (refused by this version)" },
	{ .name = "no-memory", .type = OPTION_NOTHING,
	  .help = "leave out the account of memory (this version always does)" },
	{ .name = "memory", .type = OPTION_PARSE, .parse = refuse_later,
	  .help = "account for the memory (refused by this version)" },
	{ .name = "help", .key = 'h', .type = OPTION_FLAG, FIELD(help),
	  .help = "show this and exit" },
	{ 0 },
};

static void list_formats(FILE *out)
{
	fputs("\nFormats:\n", out);
	for (const struct report_format *f = report_formats; f->name; f++)
		fprintf(out, "  %-12s %s\n", f->name, f->help);
	fputs("\nThe process is read while it runs: never stopped, signalled or written to.\n"
	      "See loiter-snapshot(8) and, for the fields of the JSON, loiter-json(5).\n", out);
}

const struct option_set snapshot_options_set = {
	.program = "loiter snapshot",
	.operands = "PID\n--all\n--core FILE",
	.about = "Shows what every goroutine of a Go process waits for, who started it and how "
		 "many are alike.",
	.rows = rows,
	.max_operands = 1,
	.help_more = list_formats,
};

int snapshot_parse_pid(const char *text, pid_t *ret, struct diag *d)
{
	unsigned long pid = 0;

	if (*text && strspn(text, "0123456789") == strlen(text)) {
		errno = 0;
		pid = strtoul(text, NULL, 10);
		if (errno || pid > INT_MAX)
			pid = 0;
	}
	if (!pid) {
		diag_fail(d, -EINVAL, "not a process id");
		diag_what(d, -EINVAL, "%s", *text ? text : "\"\"");
		return diag_hint(d, -EINVAL, "give a number, as `pgrep NAME` prints it");
	}
	*ret = (pid_t)pid;
	return 0;
}

static int check_target(struct snapshot_args *a, const char *operand, struct diag *d)
{
	int targets = (operand != NULL) + a->all + (a->core != NULL);

	if (targets == 1)
		return operand ? snapshot_parse_pid(operand, &a->pid, d) : 0;
	diag_fail(d, -EINVAL, targets ? "more than one target" : "no target");
	return diag_hint(d, -EINVAL, "give one of PID, --all and --core FILE");
}

/* Where each goroutine shows; elsewhere the option would be ignored, which nobody wants. */
static int check_goroutines(const struct snapshot_args *a, struct diag *d)
{
	const struct report_format *f = a->format;
	bool text = strcmp(f->name, "text") == 0;

	if (!a->goroutines || f->needs_goroutines || strcmp(f->name, "json") == 0)
		return 0;
	if (text && !a->all)
		return 0;
	diag_fail(d, -EINVAL, "%s lists no single goroutines", a->all ? "--all" : f->name);
	diag_what(d, -EINVAL, "--goroutines");
	return diag_hint(d, -EINVAL, a->all ? "name a PID, or add --json"
					    : "use text, json or debug2");
}

static int check_form(const struct snapshot_args *a, struct diag *d)
{
	const struct report_format *f = a->format;
	bool text = strcmp(f->name, "text") == 0, json = strcmp(f->name, "json") == 0;
	bool to_stdout = !a->output || strcmp(a->output, "-") == 0;

	if (a->all && !text && !json) {
		diag_fail(d, -EINVAL, "--all has only the formats text and json");
		return diag_hint(d, -EINVAL, "name a PID for %s", f->name);
	}
	if (f->binary && to_stdout && isatty(STDOUT_FILENO)) {
		diag_fail(d, -EINVAL, "%s is binary and stdout is a terminal", f->name);
		return diag_hint(d, -EINVAL, "add -o FILE");
	}
	return check_goroutines(a, d);
}

int snapshot_args_parse(int argc, char **argv, struct snapshot_args *ret, struct diag *d)
{
	const char *operand = NULL;
	size_t n = 0;
	int r;

	*ret = (struct snapshot_args){ .fail_on = VERDICT_UNKNOWN };
	r = options_parse(&snapshot_options_set, argc, argv, ret, &operand, &n, NULL, d);
	if (r < 0 || ret->help)
		return r;
	if (!ret->format)
		ret->format = report_format_find("text");
	r = check_target(ret, n ? operand : NULL, d);
	return r < 0 ? r : check_form(ret, d);
}
