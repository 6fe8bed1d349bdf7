// SPDX-License-Identifier: Apache-2.0
#include "base/diag.h"

#include <stdarg.h>
#include <stdio.h>

int diag_fail(struct diag *d, int err, const char *why, ...)
{
	va_list ap;

	if (!d)
		return err;
	va_start(ap, why);
	vsnprintf(d->why, sizeof(d->why), why, ap);
	va_end(ap);
	d->what[0] = d->hint[0] = '\0';
	return err;
}

int diag_what(struct diag *d, int err, const char *what, ...)
{
	va_list ap;

	if (!d || d->what[0])
		return err;
	va_start(ap, what);
	vsnprintf(d->what, sizeof(d->what), what, ap);
	va_end(ap);
	return err;
}

int diag_hint(struct diag *d, int err, const char *hint, ...)
{
	va_list ap;

	if (!d)
		return err;
	va_start(ap, hint);
	vsnprintf(d->hint, sizeof(d->hint), hint, ap);
	va_end(ap);
	return err;
}
