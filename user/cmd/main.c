// SPDX-License-Identifier: Apache-2.0
/* The table of commands, and the way from argv to one of them. */
#include <string.h>

#include "cmd/command.h"
#include "cmd/exit.h"
#include "cmd/interrupt.h"
#include "cmd/output.h"

const struct command *const commands[] = {
	&snapshot_command, &attach_command, &top_command, &daemon_command, &diff_command,
	&doctor_command, &help_command, NULL,
};

const struct command *command_find(const char *name)
{
	for (size_t i = 0; commands[i]; i++)
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	return NULL;
}

struct loiter_args {
	bool help, version, dump;
};

static const struct option_row rows[] = {
	{ .name = "help", .key = 'h', .type = OPTION_FLAG,
	  .offset = offsetof(struct loiter_args, help), .help = "show this and exit" },
	{ .name = "version", .key = 'V', .type = OPTION_FLAG,
	  .offset = offsetof(struct loiter_args, version), .help = "show the version and exit" },
	{ .name = "dump-options", .hidden = true, .type = OPTION_FLAG,
	  .offset = offsetof(struct loiter_args, dump), .help = "list every option for scripts" },
	{ 0 },
};

const struct option_set loiter_options = {
	.program = "loiter",
	.operands = "COMMAND [ARGUMENT...]",
	.about = "Shows what every goroutine of a running Go process waits for, from outside.",
	.rows = rows,
	.max_operands = 1,
	.in_order = true,
	.help_more = help_commands,
};

int main(int argc, char **argv)
{
	const struct command *command;
	struct loiter_args args = { 0 };
	struct diag d = DIAG_INIT;
	const char *name;
	size_t n = 0;
	int next = 0, r;

	output_reserve();
	interrupt_catch();
	r = options_parse(&loiter_options, argc, argv, &args, &name, &n, &next, &d);
	if (r < 0)
		return exit_fail(r, &d);
	if (args.dump) {
		help_dump(stdout);
		return help_finish();
	}
	if (args.help) {
		options_help(&loiter_options, stdout);
		return help_finish();
	}
	if (args.version) {
		puts("loiter " LOITER_VERSION);
		return help_finish();
	}
	if (!n)
		return exit_usage(NULL, "no command", "try `loiter snapshot PID` or `loiter help`");
	command = command_find(name);
	if (!command)
		return exit_usage(name, "no such command", "see `loiter help`");
	return command->run(argc - next, argv + next);
}
