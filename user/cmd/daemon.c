// SPDX-License-Identifier: Apache-2.0
#include "daemon/daemon.h"

#include <errno.h>

#include "base/cleanup.h"
#include "cmd/command.h"
#include "cmd/exit.h"

struct daemon_options {
	bool help;
	const char *config, *listen, *interval, *budget, *otlp, *state;
};

#define FIELD(name) .offset = offsetof(struct daemon_options, name)

static const struct option_row rows[] = {
	{ .name = "config", .key = 'c', .arg = "FILE", .type = OPTION_STRING, FIELD(config),
	  .help = "read this instead of " DAEMON_CONFIG },
	{ .name = "listen", .key = 'l', .arg = "ADDR", .type = OPTION_STRING, FIELD(listen),
	  .help = "address and port to serve at (127.0.0.1:9646)" },
	{ .name = "interval", .key = 'i', .arg = "DURATION", .type = OPTION_STRING,
	  FIELD(interval), .help = "time between two looks at a process (60s)" },
	{ .name = "budget", .arg = "PERCENT", .type = OPTION_STRING, FIELD(budget),
	  .help = "of one core, what all of it may cost (1)" },
	{ .name = "otlp", .arg = "URL", .type = OPTION_STRING, FIELD(otlp),
	  .help = "send metrics and findings to an OpenTelemetry collector" },
	{ .name = "state", .arg = "DIR", .type = OPTION_STRING, FIELD(state),
	  .help = "keep there what a restart must not forget; none: nothing is kept" },
	{ .name = "help", .key = 'h', .type = OPTION_FLAG, FIELD(help),
	  .help = "show this and exit" },
	{ 0 },
};

static void explain(FILE *out)
{
	fputs("\nSIGHUP has it read the file again, SIGTERM ends it.\n"
	      "See loiter-daemon(8) and, for the file, loiter.conf(5).\n", out);
}

static const struct option_set options = {
	.program = "loiter daemon",
	.operands = "",
	.about = "Watches every process of this machine, and serves what it finds over HTTP.",
	.rows = rows,
	.max_operands = 0,
	.help_more = explain,
};

static int run_with(const struct daemon_options *o, struct diag *d)
{
	const struct config_setting all[] = {
		{ "http", "listen", o->listen, "--listen" },
		{ "daemon", "interval", o->interval, "--interval" },
		{ "daemon", "budget", o->budget, "--budget" },
		{ "otlp", "url", o->otlp, "--otlp" },
		{ "daemon", "state-directory", o->state, "--state" },
	};
	struct config_setting given[ARRAY_SIZE(all)];
	struct daemon_args args = { .config = o->config, .over = given };

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		if (all[i].value)
			given[args.n_over++] = all[i];
	return daemon_run(&args, d);
}

static int run(int argc, char **argv)
{
	struct daemon_options o = { 0 };
	struct diag d = DIAG_INIT;
	const char *none;
	size_t n = 0;
	int r;

	r = options_parse(&options, argc, argv, &o, &none, &n, NULL, &d);
	if (r < 0)
		return exit_fail(r, &d);
	if (o.help) {
		options_help(&options, stdout);
		return help_finish();
	}
	r = run_with(&o, &d);
	return r < 0 ? exit_fail(r, &d) : EXIT_DONE;
}

const struct command daemon_command = {
	.name = "daemon",
	.summary = "watches the whole machine, and serves what it finds over HTTP",
	.options = &options,
	.run = run,
};
