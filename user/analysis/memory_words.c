// SPDX-License-Identifier: Apache-2.0
#include "analysis/memory_words.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "analysis/amount.h"

int memory_found_init(struct memory_found *f, struct arena *a)
{
	*f = (struct memory_found){ .arena = a };
	f->all = arena_alloc(a, MEMORY_FOUND_MAX, sizeof(*f->all));
	return f->all ? 0 : -ENOMEM;
}

int memory_found_end(struct memory_found *f, const struct finding **ret, uint32_t *n)
{
	if (f->failed)
		return -ENOMEM;
	*ret = f->all;
	*n = f->n;
	return 0;
}

static const char *print(struct memory_found *f, const char *fmt, va_list ap)
{
	char text[1024];
	const char *copy;

	vsnprintf(text, sizeof(text), fmt, ap);
	copy = arena_strdup(f->arena, text);
	f->failed = f->failed || !copy;
	return copy;
}

struct finding *memory_found_add(struct memory_found *f, const char *pattern, enum verdict v,
				 double bytes, const char *summary, ...)
{
	/* There are fewer rules than places: the last one is never needed. */
	struct finding *to = &f->all[f->n < MEMORY_FOUND_MAX - 1 ? f->n++ : f->n];
	va_list ap;

	f->lines = arena_alloc(f->arena, MEMORY_LINES_MAX, sizeof(*f->lines));
	f->failed = f->failed || !f->lines;
	va_start(ap, summary);
	*to = (struct finding){ .pattern = pattern, .verdict = v, .bytes = (int64_t)bytes,
				.group = FINDING_NO_GROUP, .evidence = f->lines,
				.summary = print(f, summary, ap) };
	va_end(ap);
	return to;
}

void memory_found_say(struct memory_found *f, const char *fmt, ...)
{
	struct finding *to = &f->all[f->n - 1];
	va_list ap;

	if (!f->lines || to->n_evidence >= MEMORY_LINES_MAX)
		return;
	va_start(ap, fmt);
	f->lines[to->n_evidence++] = print(f, fmt, ap);
	va_end(ap);
}

const char *memory_bytes(struct memory_found *f, double bytes)
{
	const char *s = amount_bytes(f->arena, bytes);

	f->failed = f->failed || !s;
	return s ? s : "";
}
