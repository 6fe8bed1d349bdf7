// SPDX-License-Identifier: Apache-2.0
#include "model/feature.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

const char *feature_state_name(enum feature_state state)
{
	static const char *const names[] = {
		[FEATURE_OK] = "ok",
		[FEATURE_LESS] = "less",
		[FEATURE_NO] = "no",
		[FEATURE_UNKNOWN] = "unknown",
	};

	return names[state];
}

void features_add(struct features *f, struct arena *a, const char *name, enum feature_state state,
		  int err, const char *fix, const char *detail, ...)
{
	char text[512];
	va_list ap;

	assert(f->n < FEATURES_MAX);
	va_start(ap, detail);
	vsnprintf(text, sizeof(text), detail, ap);
	va_end(ap);
	f->all[f->n] = (struct feature){
		.name = name,
		.state = state,
		.err = err,
		.detail = arena_strdup(a, text),
		.fix = fix,
	};
	if (!f->all[f->n].detail)
		f->err = -ENOMEM;
	else
		f->n++;
}

const struct feature *features_first_error(const struct features *f)
{
	for (size_t i = 0; i < f->n; i++)
		if (f->all[i].err)
			return &f->all[i];
	return NULL;
}
