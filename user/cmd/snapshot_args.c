// SPDX-License-Identifier: Apache-2.0
/* The options of `loiter snapshot` and what they must be together. */
#include "cmd/snapshot.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cmd/arguments.h"
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

static int parse_memory(const char *arg, void *field, struct diag *d)
{
	enum ledger_wish *wish = field;

	if (!arg) {
		*wish = LEDGER_ALWAYS;
	} else if (strcmp(arg, "lazyfree") == 0) {
		*wish = LEDGER_LAZYFREE;
	} else {
		diag_fail(d, -EINVAL, "there is no way \"%s\"", arg);
		return diag_hint(d, -EINVAL, "lazyfree is the only one");
	}
	return 0;
}

static int parse_no_memory(const char *arg, void *field, struct diag *d)
{
	(void)arg;
	(void)d;
	*(enum ledger_wish *)field = LEDGER_NEVER;
	return 0;
}

static int parse_leaks(const char *arg, void *field, struct diag *d)
{
	(void)d;
	*(enum leaks_wish *)field = arg ? LEAKS_NEVER : LEAKS_ALWAYS;
	return 0;
}

static int parse_prove(const char *arg, void *field, struct diag *d)
{
	if (arg)
		return argument_duration(arg, field, d);
	*(double *)field = LEAKS_MAX_PAUSE_MS / 1e3;
	return 0;
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
	  .parse = argument_verdict,
	  .help = "exit with 1 when some goroutine is at least proven, likely or suspect" },
	{ .name = "no-leaks", .type = OPTION_PARSE, FIELD(leaks), .parse = parse_leaks,
	  .fixed = "no", .help = "do not search the heap for who can never run again" },
	{ .name = "leaks", .type = OPTION_PARSE, FIELD(leaks), .parse = parse_leaks,
	  .help = "search it, even if that takes over a second; with --all, too" },
	{ .name = "prove", .arg = "MAX_PAUSE", .arg_optional = true, .type = OPTION_PARSE,
	  FIELD(prove_s), .parse = parse_prove,
	  .help = "stop the process once, for 200ms or MAX_PAUSE at most, to copy what proves who "
		  "can never run again" },
	{ .name = "no-memory", .type = OPTION_PARSE, FIELD(memory),
	  .parse = parse_no_memory, .help = "leave out where the memory is" },
	{ .name = "memory", .arg = "lazyfree", .arg_optional = true, .type = OPTION_PARSE,
	  FIELD(memory), .parse = parse_memory,
	  .help = "where the memory is, even if that takes over a second; lazyfree: and what of it "
		  "the kernel may take back, which holds up its threads; with -f pprof, the heap "
		  "profile" },
	{ .name = "help", .key = 'h', .type = OPTION_FLAG, FIELD(help),
	  .help = "show this and exit" },
	{ 0 },
};

static void list_formats(FILE *out)
{
	fputs("\nFormats:\n", out);
	for (const struct report_format *f = report_formats; f->name; f++)
		fprintf(out, "  %-14s %s\n", f->name, f->help);
	fputs("\nThe process is read while it runs: never signalled or written to, and never stopped\n"
	      "but with --prove.\n"
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

static int check_target(struct snapshot_args *a, const char *operand, struct diag *d)
{
	int targets = (operand != NULL) + a->all + (a->core != NULL);

	if (targets == 1)
		return operand ? argument_pid(operand, &a->pid, d) : 0;
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

static int check_memory(const struct snapshot_args *a, struct diag *d)
{
	bool asked = a->memory == LEDGER_ALWAYS || a->memory == LEDGER_LAZYFREE;

	/* Forms that show the heap profile for it need no more than the heap. */
	if (!asked || a->format->write_memory ||
	    (!a->core && !(a->all && a->memory == LEDGER_LAZYFREE)))
		return 0;
	diag_fail(d, -EINVAL, a->core ? "a core does not say what was resident"
				      : "lazyfree is for one process");
	diag_what(d, -EINVAL, "--memory");
	return diag_hint(d, -EINVAL, "name a PID");
}

/* One process is stopped by name. Of a core that stands still there is nothing to be stopped. */
static int check_prove(const struct snapshot_args *a, struct diag *d)
{
	if (a->prove_s <= 0 || (!a->all && a->leaks != LEAKS_NEVER))
		return 0;
	diag_fail(d, -EINVAL, a->all ? "--all stops nothing" : "--no-leaks leaves out what it proves");
	diag_what(d, -EINVAL, "--prove");
	return diag_hint(d, -EINVAL, a->all ? "name a PID" : "leave out one of the two");
}

/* What a form or a gate rests on cannot be left out. */
static int check_leaks(const struct snapshot_args *a, struct diag *d)
{
	if (a->leaks != LEAKS_NEVER || !a->format->needs_leaks)
		return 0;
	diag_fail(d, -EINVAL, "%s has nothing but leaks", a->format->name);
	diag_what(d, -EINVAL, "--no-leaks");
	return diag_hint(d, -EINVAL, "leave it out, or use another format");
}

static int check_form(const struct snapshot_args *a, struct diag *d)
{
	const struct report_format *f = a->format;
	bool text = strcmp(f->name, "text") == 0, json = strcmp(f->name, "json") == 0;
	bool to_stdout = !a->output || strcmp(a->output, "-") == 0;
	int r;

	if (a->all && !text && !json) {
		diag_fail(d, -EINVAL, "--all has only the formats text and json");
		return diag_hint(d, -EINVAL, "name a PID for %s", f->name);
	}
	if (f->binary && to_stdout && isatty(STDOUT_FILENO)) {
		diag_fail(d, -EINVAL, "%s is binary and stdout is a terminal", f->name);
		return diag_hint(d, -EINVAL, "add -o FILE");
	}
	r = check_memory(a, d);
	if (r == 0)
		r = check_prove(a, d);
	if (r == 0)
		r = check_leaks(a, d);
	return r < 0 ? r : check_goroutines(a, d);
}

int snapshot_args_parse(int argc, char **argv, struct snapshot_args *ret, struct diag *d)
{
	const char *operand = NULL;
	size_t n = 0;
	int r;

	*ret = (struct snapshot_args){ .fail_on = VERDICT_UNKNOWN, .leaks = LEAKS_IF_CHEAP };
	r = options_parse(&snapshot_options_set, argc, argv, ret, &operand, &n, NULL, d);
	if (r < 0 || ret->help)
		return r;
	if (!ret->format)
		ret->format = report_format_find("text");
	r = check_target(ret, n ? operand : NULL, d);
	return r < 0 ? r : check_form(ret, d);
}
