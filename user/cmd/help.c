// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <string.h>

#include "cmd/command.h"
#include "cmd/exit.h"
#include "daemon/config.h"
#include "report/report.h"

struct help_args {
	bool help;
};

static const struct option_row rows[] = {
	{ .name = "help", .key = 'h', .type = OPTION_FLAG,
	  .offset = offsetof(struct help_args, help), .help = "show this and exit" },
	{ 0 },
};

static const struct option_set options = {
	.program = "loiter help",
	.operands = "[COMMAND]",
	.about = "Shows the commands, or the options of one.",
	.rows = rows,
	.max_operands = 1,
};

void help_commands(FILE *out)
{
	fputs("\nCommands:\n", out);
	for (size_t i = 0; commands[i]; i++)
		fprintf(out, "  %-12s %s\n", commands[i]->name, commands[i]->summary);
	fputs("\nSee loiter(8), and `loiter COMMAND --help`.\n", out);
}

void help_dump(FILE *out)
{
	options_dump(&loiter_options, out);
	for (size_t i = 0; commands[i]; i++) {
		fprintf(out, "command\t%s\t%s\n", commands[i]->name, commands[i]->summary);
		options_dump(commands[i]->options, out);
	}
	for (const struct report_format *f = report_formats; f->name; f++)
		fprintf(out, "format\t%s\t%s\n", f->name, f->help);
	config_dump(out);
}

int help_finish(void)
{
	struct diag d = DIAG_INIT;

	if (fflush(stdout) == 0)
		return EXIT_DONE;
	diag_fail(&d, -EIO, "could not be written: %s", strerror(errno));
	diag_what(&d, -EIO, "output");
	exit_sentence(stderr, -EIO, &d);
	return EXIT_INTERNAL;
}

static int run(int argc, char **argv)
{
	const struct option_set *set = &loiter_options;
	struct help_args args = { 0 };
	struct diag d = DIAG_INIT;
	const char *name;
	size_t n = 0;
	int r;

	r = options_parse(&options, argc, argv, &args, &name, &n, NULL, &d);
	if (r < 0)
		return exit_fail(r, &d);
	if (args.help) {
		set = &options;
	} else if (n) {
		const struct command *command = command_find(name);

		if (!command)
			return exit_usage(name, "no such command", "see `loiter help`");
		set = command->options;
	}
	options_help(set, stdout);
	return help_finish();
}

const struct command help_command = {
	.name = "help",
	.summary = "the commands, or the options of one",
	.options = &options,
	.run = run,
};
