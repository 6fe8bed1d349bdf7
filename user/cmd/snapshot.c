// SPDX-License-Identifier: Apache-2.0
#include "cmd/snapshot.h"

#include <errno.h>
#include <unistd.h>

#include "cmd/command.h"
#include "cmd/exit.h"
#include "cmd/output.h"
#include "cmd/progress.h"
#include "cmd/terminal.h"
#include "collect/snapshot.h"
#include "report/report.h"

/* Groups that a screen holds; whoever pipes the text gets all of them. */
enum { TOP_ON_TERMINAL = 20 };

bool snapshot_matches(const struct snapshot *s, enum verdict least)
{
	if (least == VERDICT_UNKNOWN)
		return false;
	for (uint32_t i = 0; i < s->n_groups; i++)
		if (s->groups[i].verdict >= least)
			return true;
	for (uint32_t i = 0; i < s->n_findings; i++)
		if (s->findings[i].verdict >= least)
			return true;
	return false;
}

static int take(const struct snapshot_args *a, struct snapshot **ret, struct diag *d)
{
	CLEANUP(snapshot_free_p) struct snapshot *s = NULL;
	struct progress progress;
	const struct snapshot_options o = {
		.goroutines = a->goroutines || a->format->needs_goroutines,
		.progress = progress_update,
		.progress_arg = &progress,
	};
	int r;

	progress_start(&progress, "goroutines");
	r = a->core ? snapshot_core(a->core, &o, &s, d) : snapshot_process(a->pid, &o, &s, d);
	progress_end(&progress);
	if (r < 0)
		return a->core ? diag_what(d, r, "%s", a->core) : diag_what(d, r, "pid %d", a->pid);
	*ret = TAKE(s);
	return 0;
}

static int snapshot_one(const struct snapshot_args *a, const struct report_options *form,
			struct output *out, bool *ret_matched, struct diag *d)
{
	CLEANUP(snapshot_free_p) struct snapshot *s = NULL;
	int r;

	r = take(a, &s, d);
	if (r < 0)
		return r;
	r = a->format->write(s, out->file, form);
	/* A failed write has its reason in `out`, where output_finish() finds it. */
	if (r < 0 && !out->err)
		return r;
	*ret_matched = snapshot_matches(s, a->fail_on);
	return 0;
}

static int answer(const struct snapshot_args *a, bool *ret_matched, struct diag *d)
{
	struct report_options form = { .list = a->goroutines, .version = LOITER_VERSION };
	struct output out;
	int r;

	r = output_open(&out, a->output, d);
	if (r < 0)
		return r;
	form.colour = terminal_colour(out.fd);
	form.width = terminal_width(out.fd);
	form.top = isatty(out.fd) ? TOP_ON_TERMINAL : 0;
	r = a->all ? snapshot_all(a, &form, &out, ret_matched, d)
		   : snapshot_one(a, &form, &out, ret_matched, d);
	if (r < 0) {
		output_done(&out);
		return r;
	}
	return output_finish(&out, d);
}

static int run(int argc, char **argv)
{
	struct snapshot_args args;
	struct diag d = DIAG_INIT;
	bool matched = false;
	int r;

	r = snapshot_args_parse(argc, argv, &args, &d);
	if (r < 0)
		return exit_fail(r, &d);
	if (args.help) {
		options_help(&snapshot_options_set, stdout);
		return help_finish();
	}
	r = answer(&args, &matched, &d);
	if (r < 0)
		return exit_fail(r, &d);
	return matched ? EXIT_MATCHED : EXIT_DONE;
}

const struct command snapshot_command = {
	.name = "snapshot",
	.summary = "every goroutine of a Go process: what it waits for, and who started it",
	.options = &snapshot_options_set,
	.run = run,
};
