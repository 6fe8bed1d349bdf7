/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long a goroutine has waited, as a bound that holds. The collector, while it marks in cycle
 * k+1, sets g.waitsince of a goroutine that it finds parked to the time when cycle k ended
 * (mgcmark.go: gp.waitsince = work.tstart), which may be long before the goroutine parked. What is
 * certain is that it was parked before cycle k+1 ended: at the next such time after waitsince.
 * Those times are what other goroutines carry as their waitsince, and memstats.last_gc_nanotime.
 */
#pragma once

#include <stdint.h>

#include "base/cleanup.h"

struct ages;

/* NULL when memory is short. */
struct ages *ages_new(void);
void ages_free(struct ages *a);
DEFINE_CLEANUP(struct ages, ages_free)

/* Notes a g.waitsince that was seen; 0 and negative are ignored. */
void ages_add(struct ages *a, int64_t waitsince);

/*
 * Closes the collection: last_gc is memstats.last_gc_nanotime or 0 unknown, now the target's
 * nanotime or 0 unknown (then no age is known). Both in ns.
 */
void ages_finish(struct ages *a, int64_t last_gc, int64_t now);

/* At least so many ns, or -1 when nothing can be said. */
int64_t ages_bound(const struct ages *a, int64_t waitsince);
