/* SPDX-License-Identifier: Apache-2.0 */
/* The words of findings for a time, and for where a growth leads. NULL when memory is short. */
#pragma once

#include "base/arena.h"

/* "90 s", "12 min", "5 h", "9 days". */
const char *outlook_time(struct arena *a, double s);

/* "1 GiB in 5 h"; where that is more than a day away, what a day brings: "340 MiB in a day". */
const char *outlook_growth(struct arena *a, double bytes_per_s);
