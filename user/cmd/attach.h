/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of `loiter attach`. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/diag.h"
#include "cmd/options.h"
#include "collect/tracing.h"
#include "collect/watch.h"
#include "model/goroutine.h"
#include "report/interval.h"

enum { ATTACH_PIDS = 64 };

struct attach_args {
	bool help, all, json;
	const char *cgroup;	/* NULL: pids, or all */
	const char *output;	/* NULL: stdout */
	double for_s;		/* 0: until the target ends, or Ctrl-C */
	double interval_s;
	double budget;		/* percent: of the target's CPU, and for looks of one core */
	unsigned int probes;	/* 1u << enum collector */
	bool probes_given;	/* by --probes; else, of many processes, long waits alone are traced */
	enum verdict fail_on;	/* VERDICT_UNKNOWN: not said */
	pid_t pids[ATTACH_PIDS];
	size_t n_pids;
	bool top;		/* a screen and no report */
};

/* The command line into *ret, checked. -EINVAL with the sentence. */
int attach_args_parse(int argc, char **argv, struct attach_args *ret, struct diag *d);
extern const struct option_set attach_options_set;
/* The same for `loiter top`. */
int top_args_parse(int argc, char **argv, struct attach_args *ret, struct diag *d);
extern const struct option_set top_options_set;

/* All of either, to the exit code. */
int attach_run(const struct attach_args *args);

/* A process that is watched. */
struct attach_target {
	struct watch *watch;	/* NULL: it has ended, and this place is free */
	bool headed;		/* the lines above its first interval are out */
	struct interval_told told;	/* by the lines of the others */
	bool looked;		/* at least once */
	/* For the screen: the last look, the watch's, and the last that read goroutines. */
	const struct interval *now;
	struct interval seen;
	bool has_seen;
};

struct attach_targets {
	const struct attach_args *args;
	struct tracing_args tracing;
	struct attach_target *all;
	size_t n, room;
};

int attach_targets_init(struct attach_targets *t, const struct attach_args *args);
void attach_targets_done(struct attach_targets *t);

/*
 * Opens those that are named. One that cannot be watched is an error, with its sentence; so is
 * -ENOMEM.
 */
int attach_targets_find(struct attach_targets *t, struct diag *d);

/* The same for --all and --cgroup; *ret_matched: --fail-on. */
int attach_node(const struct attach_args *args, bool *ret_matched, struct diag *d);

/* Are there any left to watch? */
bool attach_targets_left(const struct attach_targets *t);
