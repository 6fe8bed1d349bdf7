// SPDX-License-Identifier: Apache-2.0
#include "base/quantity.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

/* A year: no clock of ours counts further. */
#define DURATION_MAX_S 31536000.0
#define BYTES_MAX 1099511627776.0

struct unit {
	const char *name;
	double is;
};

/* Digits with at most one point among them, and what follows them; NULL: it is no such number. */
static const char *decimal(const char *text, double *ret)
{
	size_t n = strspn(text, "0123456789.");
	char *end;

	if (!n || n > 15 || text[0] == '.')
		return NULL;
	*ret = strtod(text, &end);
	return end == text + n ? end : NULL;
}

/* The number in its unit; 0: it is none. */
static double measure(const char *text, const struct unit *units, size_t n)
{
	double number;
	const char *unit = decimal(text, &number);

	for (size_t i = 0; unit && i < n; i++)
		if (strcmp(unit, units[i].name) == 0)
			return number * units[i].is;
	return 0;
}

int quantity_duration(const char *text, double *ret_s, struct diag *d)
{
	static const struct unit units[] = {
		{ "", 1 }, { "s", 1 }, { "ms", 0.001 }, { "m", 60 }, { "h", 3600 }, { "d", 86400 },
	};
	double s = measure(text, units, ARRAY_SIZE(units));

	if (s > 0 && s <= DURATION_MAX_S) {
		*ret_s = s;
		return 0;
	}
	diag_fail(d, -EINVAL, "\"%s\" is not a duration", text);
	return diag_hint(d, -EINVAL, "give one like 500ms, 30s, 5m or 2h");
}

int quantity_percent(const char *text, double *ret, struct diag *d)
{
	static const struct unit units[] = { { "", 1 }, { "%", 1 } };
	double n = measure(text, units, ARRAY_SIZE(units));

	if (n > 0 && n <= 100) {
		*ret = n;
		return 0;
	}
	diag_fail(d, -EINVAL, "\"%s\" is not a percentage", text);
	return diag_hint(d, -EINVAL, "give one like 1 or 0.5, 100 at most");
}

int quantity_bytes(const char *text, uint64_t *ret, struct diag *d)
{
	static const struct unit units[] = {
		{ "", 1 }, { "K", 1024 }, { "M", 1048576 }, { "G", 1073741824 },
	};
	double n = measure(text, units, ARRAY_SIZE(units));

	if (n >= 1 && n <= BYTES_MAX) {
		*ret = (uint64_t)n;
		return 0;
	}
	diag_fail(d, -EINVAL, "\"%s\" is not an amount of memory", text);
	return diag_hint(d, -EINVAL, "give one like 512K, 128M or 1G");
}

int quantity_count(const char *text, uint64_t min, uint64_t max, uint64_t *ret, struct diag *d)
{
	size_t len = strlen(text);
	uint64_t n = 0;

	/* Nineteen digits fit. */
	if (len && len < 20 && strspn(text, "0123456789") == len) {
		n = strtoull(text, NULL, 10);
		if (n >= min && n <= max) {
			*ret = n;
			return 0;
		}
	}
	diag_fail(d, -EINVAL, "\"%s\" is not a number from %" PRIu64 " to %" PRIu64, text, min,
		  max);
	return diag_hint(d, -EINVAL, "give digits alone");
}
