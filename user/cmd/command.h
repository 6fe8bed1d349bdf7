/* SPDX-License-Identifier: Apache-2.0 */
/* A command is a row of the table in main.c and a file of its own. */
#pragma once

#include <stdio.h>

#include "cmd/options.h"

struct command {
	const char *name;
	const char *summary;	/* one line for `loiter help` */
	const struct option_set *options;
	/* argv[0] is the command's name. The exit code (cmd/exit.h). */
	int (*run)(int argc, char **argv);
};

extern const struct command snapshot_command, attach_command, top_command, daemon_command,
	diff_command, doctor_command, help_command;

extern const struct command *const commands[];	/* ends with NULL */
const struct command *command_find(const char *name);

/* loiter's own options: those before a command. */
extern const struct option_set loiter_options;

/* The list of commands, below `loiter --help`. */
void help_commands(FILE *out);
/* Every command, option and format, a line each: what scripts/check-man reads. */
void help_dump(FILE *out);
/* Flushes stdout; the exit code. */
int help_finish(void);
