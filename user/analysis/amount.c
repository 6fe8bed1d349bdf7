// SPDX-License-Identifier: Apache-2.0
#include "analysis/amount.h"

#include <inttypes.h>
#include <math.h>

#include "analysis/outlook.h"
#include "base/cleanup.h"

const char *amount_bytes(struct arena *a, double bytes)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB" };
	size_t i = 0;

	bytes = fabs(bytes);
	/* What would be written as 1024.0 is 1.0 of the next. */
	while (bytes >= (i ? 1023.95 : 1023.5) && i < ARRAY_SIZE(units) - 1) {
		bytes /= 1024;
		i++;
	}
	return arena_printf(a, i ? "%.1f %s" : "%.0f %s", bytes, units[i]);
}

const char *amount_span(struct arena *a, double s)
{
	return s < 1.95 ? arena_printf(a, "%.1f s", s) : outlook_time(a, s);
}

/* The unit that leaves a number a person can take in. */
const char *amount_parked(struct arena *a, int64_t ns)
{
	int64_t s = ns / 1000000000;

	if (s < 120)
		return arena_printf(a, "parked for at least %" PRId64 " s", s);
	if (s < 120 * 60)
		return arena_printf(a, "parked for at least %" PRId64 " min", s / 60);
	return arena_printf(a, "parked for at least %" PRId64 " h", s / 3600);
}
