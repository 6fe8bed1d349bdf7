// SPDX-License-Identifier: Apache-2.0
#include "cmd/arguments.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/quantity.h"
#include "model/goroutine.h"

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

int argument_duration(const char *arg, void *field, struct diag *d)
{
	return quantity_duration(arg, field, d);
}

int argument_percent(const char *arg, void *field, struct diag *d)
{
	return quantity_percent(arg, field, d);
}
