// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cmd/arguments.h"
#include "cmd/command.h"
#include "cmd/exit.h"
#include "cmd/output.h"
#include "cmd/terminal.h"
#include "collect/examine.h"
#include "report/doctor.h"
#include "report/report.h"
#include "trace/features.h"

struct doctor_args {
	bool help, json;
};

#define FIELD(name) .offset = offsetof(struct doctor_args, name)

static const struct option_row rows[] = {
	{ .name = "json", .type = OPTION_FLAG, FIELD(json), .help = "one JSON document" },
	{ .name = "help", .key = 'h', .type = OPTION_FLAG, FIELD(help),
	  .help = "show this and exit" },
	{ 0 },
};

static const struct option_set options = {
	.program = "loiter doctor",
	.operands = "[PID]",
	.about = "Says what this kernel, these capabilities and a process allow, and how to get the rest.",
	.rows = rows,
	.max_operands = 1,
};

/* Writes the answer to stdout; a failure leaves its reason in d. */
static int answer(const struct doctor *doc, bool json, struct diag *d)
{
	struct report_options form = { .version = LOITER_VERSION };
	struct output out;
	int r = output_open(&out, NULL, d);

	if (r < 0)
		return r;
	form.colour = terminal_colour(out.fd);
	form.width = terminal_width(out.fd);
	r = json ? report_doctor_json(doc, out.file, &form)
		 : report_doctor_text(doc, out.file, &form);
	if (r < 0 && !out.err) {
		output_done(&out);
		return r;
	}
	return output_finish(&out, d);
}

/* The sentence of the worst row becomes that of the command. */
static int verdict(const struct doctor *doc, struct diag *d)
{
	const struct feature *f = features_first_error(&doc->machine);
	const struct feature *g = features_first_error(&doc->target);

	/* Where the target itself cannot be read, that says more than the machine's rows. */
	if (g)
		f = g;
	if (!f)
		return 0;
	diag_fail(d, f->err, "%s", f->detail);
	if (g)
		diag_what(d, f->err, "pid %d: %s", doc->pid, f->name);
	else
		diag_what(d, f->err, "%s", f->name);
	return diag_hint(d, f->err, "%s", f->fix ? f->fix : "");
}

static int examine(const char *operand, struct arena *a, struct doctor *doc, struct diag *d)
{
	int r = operand ? argument_pid(operand, &doc->pid, d) : 0;

	if (r == 0 && operand)
		r = examine_process(doc->pid, a, &doc->target, d);
	if (r == 0)
		r = features_probe(a, &doc->machine);
	return r;
}

static int run(int argc, char **argv)
{
	CLEANUP(arena_free_p) struct arena *a = arena_new();
	struct doctor_args args = { 0 };
	struct doctor doc = { .pid = 0 };
	struct diag d = DIAG_INIT;
	const char *operand = NULL;
	size_t n = 0;
	int r;

	if (!a)
		return exit_fail(-ENOMEM, &d);
	r = options_parse(&options, argc, argv, &args, &operand, &n, NULL, &d);
	if (r < 0)
		return exit_fail(r, &d);
	if (args.help) {
		options_help(&options, stdout);
		return help_finish();
	}
	r = examine(n ? operand : NULL, a, &doc, &d);
	if (r == 0)
		r = answer(&doc, args.json, &d);
	if (r == 0)
		r = verdict(&doc, &d);
	return r < 0 ? exit_fail(r, &d) : EXIT_DONE;
}

const struct command doctor_command = {
	.name = "doctor",
	.summary = "what this kernel, these capabilities and a process allow",
	.options = &options,
	.run = run,
};
