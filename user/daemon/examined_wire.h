/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A struct examined as bytes, from the cell that made it to the daemon. The cell has parsed hostile
 * bytes, so it is believed in nothing: every length and every value is checked. Little endian; both
 * ends are of one build, and the first word says so.
 */
#pragma once

#include <stddef.h>
#include <stdio.h>

#include "model/examined.h"
#include "model/snapshot.h"

/* More findings, lines of evidence, or bytes of a string than these are not written or refused. */
#define EXAMINED_FINDINGS 256
#define EXAMINED_EVIDENCE 64
#define EXAMINED_STRING 4096

/* What of a snapshot is kept; reason, elapsed_s and cpu_ms are left open. NULL without memory. */
struct examined *examined_of(const struct snapshot *s);

/* 0, -EIO. */
int examined_write(const struct examined *e, FILE *out);
/* -EBADMSG no such bytes; -ENOMEM. Nothing in *ret points into them. */
int examined_read(const void *bytes, size_t len, struct examined **ret);
