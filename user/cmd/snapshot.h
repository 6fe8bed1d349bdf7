/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of `loiter snapshot`. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/diag.h"
#include "cmd/options.h"
#include "collect/leaks.h"
#include "collect/ledger.h"
#include "model/goroutine.h"

struct output;
struct report_format;
struct report_options;
struct snapshot;

struct snapshot_args {
	bool help, all, goroutines;
	const char *core;	/* NULL: a running process */
	const char *output;	/* NULL: stdout */
	const struct report_format *format;	/* NULL: not said */
	enum ledger_wish memory;	/* LEDGER_IF_CHEAP: not said */
	enum leaks_wish leaks;	/* LEAKS_IF_CHEAP: not said */
	double prove_s;		/* --prove: for so long it may be stopped; 0 not asked for */
	enum verdict fail_on;	/* VERDICT_UNKNOWN: not said */
	pid_t pid;		/* 0 none */
};

/*
 * The command line into *ret, checked: exactly one target, and options that go together; format
 * is never NULL but with help. -EINVAL with the sentence.
 */
int snapshot_args_parse(int argc, char **argv, struct snapshot_args *ret, struct diag *d);
extern const struct option_set snapshot_options_set;

/* Some group or finding is at least as bad as `least`; false for VERDICT_UNKNOWN. */
bool snapshot_matches(const struct snapshot *s, enum verdict least);

/*
 * --all: every Go process, one summary each. *ret_matched: --fail-on met one. Errors are those
 * of the first process that could not be read, when none could; and -ENOMEM.
 */
int snapshot_all(const struct snapshot_args *args, const struct report_options *form,
		 struct output *out, bool *ret_matched, struct diag *d);
