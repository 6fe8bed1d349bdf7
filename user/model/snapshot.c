// SPDX-License-Identifier: Apache-2.0
#include "model/snapshot.h"

#include <errno.h>
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

uint64_t group_leaked(const struct group *g)
{
	return g->n_proven + g->n_likely + g->n_leak_suspect;
}

enum verdict snapshot_verdict_of(const struct snapshot *s, const struct goroutine *g,
				 const char **pattern)
{
	const struct group *of = g->group < s->n_groups ? &s->groups[g->group] : NULL;
	uint64_t leaked = of ? group_leaked(of) : 0;

	*pattern = g->pattern;
	if (g->verdict != VERDICT_UNKNOWN || !of || (leaked && leaked < of->count))
		return g->verdict;
	*pattern = of->pattern;
	return of->verdict;
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

static const char *copy_string(struct arena *a, const char *s, bool *failed)
{
	const char *copy = s ? arena_strdup(a, s) : NULL;

	*failed = *failed || (s && !copy);
	return copy;
}

int snapshot_reserve_findings(struct snapshot *s, uint32_t n)
{
	struct finding *all;

	if (!n)
		return 0;
	all = arena_alloc(s->arena, (size_t)s->n_findings + n, sizeof(*all));
	if (!all)
		return -ENOMEM;
	if (s->n_findings)
		memcpy(all, s->findings, s->n_findings * sizeof(*all));
	s->findings = all;
	return 0;
}

int finding_evidence(struct finding *f, const char *const *lines, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (!lines[i])
			return -ENOMEM;
	f->evidence = lines;
	f->n_evidence = n;
	return 0;
}

int finding_copy(struct arena *a, const struct finding *f, struct finding *ret)
{
	const char **evidence = arena_alloc(a, (size_t)f->n_evidence + 1, sizeof(*evidence));
	struct finding c = *f;
	bool failed = !evidence;

	c.pattern = copy_string(a, f->pattern, &failed);
	c.site = copy_string(a, f->site, &failed);
	c.summary = copy_string(a, f->summary, &failed);
	c.advice = copy_string(a, f->advice, &failed);
	for (uint32_t i = 0; evidence && i < f->n_evidence; i++)
		evidence[i] = copy_string(a, f->evidence[i], &failed);
	c.evidence = evidence;
	if (failed)
		return -ENOMEM;
	*ret = c;
	return 0;
}
