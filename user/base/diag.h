/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reason behind a negative errno, carried as the last argument of what can fail.
 *
 * Libraries fill it in and never print; cmd/ prints `loiter: WHAT: WHY; TRY` once and chooses
 * the exit code from the errno (see cmd/exit.h). The innermost reason stands: a caller that has
 * more to say about where adds it with diag_what().
 */
#pragma once

#include <stddef.h>

struct diag {
	char what[192];		/* the thing that failed: "pid 42", "core.1234"; may be empty */
	char why[320];		/* the reason, without a final stop */
	char hint[192];		/* what to do about it; may be empty */
};

#define DIAG_INIT { .what = "", .why = "", .hint = "" }

/* Sets the reason and returns err unchanged, so that a failure is one statement. d may be NULL. */
int diag_fail(struct diag *d, int err, const char *why, ...) __attribute__((format(printf, 3, 4)));

/* Names the thing that failed, unless something deeper has done so. Returns err. d may be NULL. */
int diag_what(struct diag *d, int err, const char *what, ...)
	__attribute__((format(printf, 3, 4)));

/* Says what to do about it. Returns err. d may be NULL. */
int diag_hint(struct diag *d, int err, const char *hint, ...)
	__attribute__((format(printf, 3, 4)));
