// SPDX-License-Identifier: Apache-2.0
#include "analysis/outlook.h"

#include <math.h>

#define DAY_S 86400
#define GIB 1073741824.0
#define MIB 1048576.0

const char *outlook_time(struct arena *a, double s)
{
	if (s < 120)
		return arena_printf(a, "%.0f s", s);
	if (s < 120 * 60)
		return arena_printf(a, "%.0f min", s / 60);
	if (s < 72 * 3600)
		return arena_printf(a, "%.0f h", s / 3600);
	return arena_printf(a, "%.0f days", s / DAY_S);
}

const char *outlook_growth(struct arena *a, double bytes_per_s)
{
	const char *when;

	if (bytes_per_s * DAY_S < GIB)
		return arena_printf(a, "%.0f MiB in a day", ceil(bytes_per_s * DAY_S / MIB));
	when = outlook_time(a, GIB / bytes_per_s);
	return when ? arena_printf(a, "1 GiB in %s", when) : NULL;
}
