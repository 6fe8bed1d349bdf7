// SPDX-License-Identifier: Apache-2.0
#include "model/snapshot.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct snapshot *snapshot_new(void)
{
	struct snapshot *s = calloc(1, sizeof(*s));

	if (s)
		s->arena = arena_new();
	if (s && !s->arena) {
		free(s);
		return NULL;
	}
	return s;
}

void snapshot_free(struct snapshot *s)
{
	if (!s)
		return;
	arena_free(s->arena);
	free(s);
}

void snapshot_note(struct snapshot *s, const char *fmt, ...)
{
	struct quality *q = &s->quality;
	char note[512];
	const char **notes;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(note, sizeof(note), fmt, ap);
	va_end(ap);
	for (uint32_t i = 0; i < q->n_notes; i++)
		if (strcmp(q->notes[i], note) == 0)
			return;
	notes = arena_alloc(s->arena, q->n_notes + 1, sizeof(*notes));
	if (!notes)
		return;
	if (q->n_notes)
		memcpy(notes, q->notes, q->n_notes * sizeof(*notes));
	notes[q->n_notes] = arena_strdup(s->arena, note);
	if (!notes[q->n_notes])
		return;
	q->notes = notes;
	q->n_notes++;
}
