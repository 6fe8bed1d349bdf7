/* SPDX-License-Identifier: Apache-2.0 */
/* How bytes and times are written in a sentence. Each is NULL when memory is short. */
#pragma once

#include <stdint.h>

#include "base/arena.h"

/* "12 B", "3.4 KiB", "1.2 GiB"; of a negative number its size. */
const char *amount_bytes(struct arena *a, double bytes);
/* As outlook_time() has it, and under two seconds "0.4 s". */
const char *amount_span(struct arena *a, double seconds);
/* "parked for at least 3 h" */
const char *amount_parked(struct arena *a, int64_t ns);
