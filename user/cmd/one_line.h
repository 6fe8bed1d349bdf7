/* SPDX-License-Identifier: Apache-2.0 */
/* Many JSON documents in one stream: a line each, whatever line breaks their writer puts in. */
#pragma once

#include <stdio.h>

struct report_options;
struct snapshot;

/*
 * A stream that passes on to `under` with blanks for line feeds. JSON's strings have none, so
 * each stands between two tokens. Its fclose() ends the line and leaves `under` open. NULL when
 * memory is short.
 */
FILE *one_line_open(FILE *under);

/* A snapshot as JSON on such a line. 0, -ENOMEM, -EIO. */
int one_line_json(const struct snapshot *s, FILE *under, const struct report_options *form);
