// SPDX-License-Identifier: Apache-2.0
/* `loiter attach` and `loiter top`, which is the screen of the one without its report. */
#include <unistd.h>

#include "cmd/attach.h"
#include "cmd/command.h"
#include "cmd/exit.h"
#include "cmd/full_screen.h"

static int run(int argc, char **argv)
{
	struct attach_args args;
	struct diag d = DIAG_INIT;
	int r = attach_args_parse(argc, argv, &args, &d);

	if (r < 0)
		return exit_fail(r, &d);
	if (args.help) {
		options_help(&attach_options_set, stdout);
		return help_finish();
	}
	return attach_run(&args);
}

static int run_top(int argc, char **argv)
{
	struct attach_args args;
	struct diag d = DIAG_INIT;
	int r = top_args_parse(argc, argv, &args, &d);

	if (r < 0)
		return exit_fail(r, &d);
	if (args.help) {
		options_help(&top_options_set, stdout);
		return help_finish();
	}
	if (!full_screen_possible(STDOUT_FILENO))
		return exit_usage("top", "this is no terminal that can be drawn on",
				  "use `loiter attach`, which writes lines");
	return attach_run(&args);
}

const struct command attach_command = {
	.name = "attach",
	.summary = "watches processes: where goroutines only ever come, how fast, until when",
	.options = &attach_options_set,
	.run = run,
};

const struct command top_command = {
	.name = "top",
	.summary = "the same on a screen for the whole machine, worst process first",
	.options = &top_options_set,
	.run = run_top,
};
