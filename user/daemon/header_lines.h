/* SPDX-License-Identifier: Apache-2.0 */
/* A file of "Name: value" lines: what goes with each request to somebody else's server. */
#pragma once

#include <stddef.h>

#include "base/cleanup.h"
#include "base/diag.h"

enum { HEADER_LINES = 32, HEADER_BYTES = 16 * 1024 };

struct header_lines {
	size_t n;
	const char *all[HEADER_LINES];
	char text[HEADER_BYTES + 1];
};

/*
 * Empty lines and those that begin with # do not count. NULL: none. -EINVAL with file and line:
 * what is no header, or too much; it is not repeated there, for it may be a secret. -ENOMEM.
 */
int header_lines_read(const char *path, struct header_lines **ret, struct diag *d);
/* Accepts NULL. */
void header_lines_free(struct header_lines *h);
DEFINE_CLEANUP(struct header_lines, header_lines_free)
