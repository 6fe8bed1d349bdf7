/* SPDX-License-Identifier: Apache-2.0 */
/* Many JSON documents in one stream: a line each, whatever line breaks their writer puts in. */
#pragma once

#include <stdio.h>

/*
 * A stream that passes on to `under` with blanks for line feeds. JSON's strings have none, so
 * each stands between two tokens. Its fclose() ends the line and leaves `under` open. NULL when
 * memory is short.
 */
FILE *one_line_open(FILE *under);
