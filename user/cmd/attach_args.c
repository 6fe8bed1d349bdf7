// SPDX-License-Identifier: Apache-2.0
/* The options of `loiter attach` and `loiter top`, and what they must be together. */
#include "cmd/attach.h"

#include <errno.h>
#include <string.h>

#include "cmd/arguments.h"

enum { INTERVAL_MIN_MS = 100, ALL_PROBES = (1 << COLLECTORS) - 1,
       NOT_GIVEN = 1 << COLLECTORS };

static int parse_format(const char *arg, void *field, struct diag *d)
{
	bool json = strcmp(arg, "json") == 0;

	if (!json && strcmp(arg, "text") != 0) {
		diag_fail(d, -EINVAL, "there is no format \"%s\"", arg);
		return diag_hint(d, -EINVAL, "the formats are text, json");
	}
	*(bool *)field = json;
	return 0;
}

static int parse_interval(const char *arg, void *field, struct diag *d)
{
	int r = argument_duration(arg, field, d);

	if (r == 0 && *(double *)field * 1000 < INTERVAL_MIN_MS)
		return diag_fail(d, -EINVAL, "%s is too short: %d ms at least", arg,
				 INTERVAL_MIN_MS);
	return r;
}

static bool add_probe(const char *name, size_t len, unsigned int *probes)
{
	for (int c = 0; c < COLLECTORS; c++)
		if (strlen(collector_name(c)) == len && !strncmp(collector_name(c), name, len)) {
			*probes |= 1u << c;
			return true;
		}
	return false;
}

static int parse_probes(const char *arg, void *field, struct diag *d)
{
	unsigned int probes = 0;
	const char *at = arg;

	if (strcmp(arg, "none") == 0 || strcmp(arg, "all") == 0) {
		*(unsigned int *)field = *arg == 'a' ? ALL_PROBES : 0;
		return 0;
	}
	for (size_t len;; at += len + 1) {
		len = strcspn(at, ",");
		if (!add_probe(at, len, &probes)) {
			diag_fail(d, -EINVAL, "there is no probe \"%.*s\"", (int)len, at);
			return diag_hint(d, -EINVAL, "the probes are goroutines, futex, memory, "
					 "threads, oncpu");
		}
		if (!at[len])
			break;
	}
	*(unsigned int *)field = probes;
	return 0;
}

#define FIELD(name) .offset = offsetof(struct attach_args, name)

static const struct option_row rows[] = {
	{ .name = "all", .key = 'a', .type = OPTION_FLAG, FIELD(all),
	  .help = "every process on the machine, those that start later too" },
	{ .name = "cgroup", .arg = "PATH", .type = OPTION_STRING, FIELD(cgroup),
	  .help = "every process in a control group and below it" },
	{ .name = "for", .arg = "DURATION", .type = OPTION_PARSE, FIELD(for_s),
	  .parse = argument_duration, .help = "end after 90s, 5m, ... (until Ctrl-C)" },
	{ .name = "interval", .key = 'i', .arg = "DURATION", .type = OPTION_PARSE,
	  FIELD(interval_s), .parse = parse_interval, .help = "time between two looks (5s)" },
	{ .name = "budget", .arg = "PERCENT", .type = OPTION_PARSE, FIELD(budget),
	  .parse = argument_percent,
	  .help = "what it all may cost, of the CPU time of the target (1)" },
	{ .name = "probes", .arg = "LIST", .type = OPTION_PARSE, FIELD(probes),
	  .parse = parse_probes,
	  .help = "what to trace: all, none, or a list with commas of goroutines, futex, "
		  "memory, threads, oncpu (all)" },
	{ .name = "format", .key = 'f', .arg = "FORMAT", .type = OPTION_PARSE, FIELD(json),
	  .parse = parse_format, .help = "text, or json: an object a line" },
	{ .name = "json", .type = OPTION_FLAG, FIELD(json),
	  .help = "the same as --format json" },
	{ .name = "output", .key = 'o', .arg = "FILE", .type = OPTION_STRING, FIELD(output),
	  .help = "write to FILE, which appears once it is complete" },
	{ .name = "fail-on", .arg = "VERDICT", .type = OPTION_PARSE, FIELD(fail_on),
	  .parse = argument_verdict,
	  .help = "exit with 1 when the closing report has proven, likely or suspect" },
	{ .name = "help", .key = 'h', .type = OPTION_FLAG, FIELD(help),
	  .help = "show this and exit" },
	{ 0 },
};

static const struct option_row top_rows[] = {
	{ .name = "cgroup", .arg = "PATH", .type = OPTION_STRING, FIELD(cgroup),
	  .help = "only what is in a control group and below it" },
	{ .name = "interval", .key = 'i', .arg = "DURATION", .type = OPTION_PARSE,
	  FIELD(interval_s), .parse = parse_interval, .help = "time between two looks (5s)" },
	{ .name = "budget", .arg = "PERCENT", .type = OPTION_PARSE, FIELD(budget),
	  .parse = argument_percent,
	  .help = "what it all may cost, of the CPU time of the targets (1)" },
	{ .name = "probes", .arg = "LIST", .type = OPTION_PARSE, FIELD(probes),
	  .parse = parse_probes,
	  .help = "what to trace: goroutines,futex,memory,threads,oncpu, all or none" },
	{ .name = "help", .key = 'h', .type = OPTION_FLAG, FIELD(help),
	  .help = "show this and exit" },
	{ 0 },
};

static void explain(FILE *out)
{
	fputs("\nThe process runs on: it is never stopped, signalled or written to.\n"
	      "What cannot be traced is named; `loiter doctor PID` says how to get it.\n"
	      "See loiter-attach(8) and, for the fields of the JSON, loiter-json(5).\n", out);
}

const struct option_set attach_options_set = {
	.program = "loiter attach",
	.operands = "PID...\n--cgroup PATH\n--all",
	.about = "Watches processes, Go or not: what only ever comes, and who blocks whom.",
	.rows = rows,
	.max_operands = ATTACH_PIDS,
	.help_more = explain,
};

static void explain_top(FILE *out)
{
	fputs("\nOn the screen, ? shows the keys. It needs a terminal; `loiter attach` does not.\n"
	      "See loiter-top(8).\n", out);
}

const struct option_set top_options_set = {
	.program = "loiter top",
	.operands = "[PID...]",
	.about = "Shows the processes of this machine, worst first, and what stays in each.",
	.rows = top_rows,
	.max_operands = ATTACH_PIDS,
	.help_more = explain_top,
};

static int add_pid(struct attach_args *a, const char *operand, struct diag *d)
{
	pid_t pid;
	int r = argument_pid(operand, &pid, d);

	if (r < 0)
		return r;
	for (size_t i = 0; i < a->n_pids; i++)
		if (a->pids[i] == pid) {
			diag_fail(d, -EINVAL, "named twice");
			return diag_what(d, -EINVAL, "%s", operand);
		}
	a->pids[a->n_pids++] = pid;
	return 0;
}

static int parse(const struct option_set *set, int argc, char **argv, bool top,
		 struct attach_args *ret, struct diag *d)
{
	const char *operands[ATTACH_PIDS];
	size_t n = 0;
	int r, kinds;

	*ret = (struct attach_args){ .interval_s = 5, .budget = 1, .probes = NOT_GIVEN,
				     .fail_on = VERDICT_UNKNOWN, .top = top };
	r = options_parse(set, argc, argv, ret, operands, &n, NULL, d);
	if (r < 0 || ret->help)
		return r;
	ret->probes_given = ret->probes != NOT_GIVEN;
	if (!ret->probes_given)
		ret->probes = ALL_PROBES;
	if (top && !n && !ret->cgroup)
		ret->all = true;
	kinds = (n > 0) + ret->all + (ret->cgroup != NULL);
	if (kinds != 1) {
		diag_fail(d, -EINVAL, kinds ? "more than one kind of target" : "no target");
		return diag_hint(d, -EINVAL, "give one of PID..., --cgroup PATH%s",
				 top ? ", or none" : " and --all");
	}
	for (size_t i = 0; r == 0 && i < n; i++)
		r = add_pid(ret, operands[i], d);
	return r;
}

int attach_args_parse(int argc, char **argv, struct attach_args *ret, struct diag *d)
{
	return parse(&attach_options_set, argc, argv, false, ret, d);
}

int top_args_parse(int argc, char **argv, struct attach_args *ret, struct diag *d)
{
	return parse(&top_options_set, argc, argv, true, ret, d);
}
