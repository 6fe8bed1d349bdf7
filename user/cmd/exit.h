/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How loiter ends: the exit codes of the contract (loiter(8)), and the one sentence on stderr
 * that goes with a failure.
 */
#pragma once

#include <stdio.h>

#include "base/diag.h"

enum exit_code {
	EXIT_DONE = 0,
	EXIT_MATCHED = 1,	/* done, and --fail-on matched */
	EXIT_USAGE = 2,
	EXIT_TARGET = 3,	/* gone or unreadable */
	EXIT_PERMISSION = 4,
	EXIT_LAYOUT = 5,	/* Go version or layout unknown, or it failed validation; not Go */
	EXIT_INTERNAL = 6,
	EXIT_INTERRUPTED = 130,
};

/* The code for a negative errno of a reader. What has no meaning of its own is EXIT_INTERNAL. */
enum exit_code exit_code_of(int err);

/*
 * Writes `loiter: WHAT: WHY; TRY` and a newline. Parts that are empty are left out; an empty WHY
 * becomes the general sentence for the errno.
 */
void exit_sentence(FILE *out, int err, const struct diag *d);

/* The sentence on stderr; returns the exit code. */
enum exit_code exit_fail(int err, const struct diag *d);

/*
 * A command line that cannot be meant: the sentence and EXIT_USAGE. Any of the parts may be NULL
 * but `why`.
 */
enum exit_code exit_usage(const char *what, const char *why, const char *hint);
