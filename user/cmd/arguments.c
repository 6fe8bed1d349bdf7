// SPDX-License-Identifier: Apache-2.0
#include "cmd/arguments.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "model/goroutine.h"

/* A year: no clock of ours counts further. */
#define DURATION_MAX_S 31536000.0

int argument_pid(const char *text, pid_t *ret, struct diag *d)
{
	unsigned long pid = 0;

	if (*text && strspn(text, "0123456789") == strlen(text)) {
		errno = 0;
		pid = strtoul(text, NULL, 10);
		if (errno || pid > INT_MAX)
			pid = 0;
	}
	if (!pid) {
		diag_fail(d, -EINVAL, "not a process id");
		diag_what(d, -EINVAL, "%s", *text ? text : "\"\"");
		return diag_hint(d, -EINVAL, "give a number, as `pgrep NAME` prints it");
	}
	*ret = (pid_t)pid;
	return 0;
}

int argument_verdict(const char *arg, void *field, struct diag *d)
{
	for (enum verdict v = VERDICT_SUSPECT; v <= VERDICT_PROVEN; v++) {
		if (strcmp(arg, verdict_name(v)) == 0) {
			*(enum verdict *)field = v;
			return 0;
		}
	}
	diag_fail(d, -EINVAL, "there is no verdict \"%s\"", arg);
	return diag_hint(d, -EINVAL, "give proven, likely or suspect");
}

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

int argument_duration(const char *arg, void *field, struct diag *d)
{
	static const struct {
		const char *unit;
		double s;
	} units[] = {
		{ "", 1 }, { "s", 1 }, { "ms", 0.001 }, { "m", 60 }, { "h", 3600 }, { "d", 86400 },
	};
	double n;
	const char *unit = decimal(arg, &n);

	for (size_t i = 0; unit && i < ARRAY_SIZE(units); i++) {
		if (strcmp(unit, units[i].unit) != 0)
			continue;
		n *= units[i].s;
		if (n <= 0 || n > DURATION_MAX_S)
			break;
		*(double *)field = n;
		return 0;
	}
	diag_fail(d, -EINVAL, "\"%s\" is not a duration", arg);
	return diag_hint(d, -EINVAL, "give one like 500ms, 30s, 5m or 2h");
}

int argument_percent(const char *arg, void *field, struct diag *d)
{
	double n;
	const char *unit = decimal(arg, &n);

	if (unit && (!*unit || strcmp(unit, "%") == 0) && n > 0 && n <= 100) {
		*(double *)field = n;
		return 0;
	}
	diag_fail(d, -EINVAL, "\"%s\" is not a percentage", arg);
	return diag_hint(d, -EINVAL, "give one like 1 or 0.5, 100 at most");
}
