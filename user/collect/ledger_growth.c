// SPDX-License-Identifier: Apache-2.0
#include "collect/ledger_growth.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/memory_verdict.h"
#include "collect/ledger.h"
#include "collect/retention.h"
#include "collect/subject.h"

struct ledger_growth {
	struct snapshot *first;
};

static int take(const struct subject *subject, struct go_runtime *rt, struct snapshot *s,
		struct diag *d)
{
	const char *why = NULL;
	int r = ledger_read(subject, rt, LEDGER_IF_CHEAP, s->arena, &s->memory, &why, d);

	if (r == 0 && s->memory && rt)
		r = retention_add(rt, subject->elf, true, s, d);
	return r;
}

int ledger_growth_begin(const struct subject *subject, struct go_runtime *rt,
			const struct snapshot *now, struct ledger_growth **ret, struct diag *d)
{
	CLEANUP(ledger_growth_free_p) struct ledger_growth *g = calloc(1, sizeof(*g));
	int r;

	if (!g)
		return -ENOMEM;
	g->first = snapshot_new();
	if (!g->first)
		return -ENOMEM;
	g->first->time = now->time;
	/* Its strings are the watch's, which outlives this. */
	g->first->process = now->process;
	g->first->total = now->total;
	g->first->system = now->system;
	r = take(subject, rt, g->first, d);
	if (r < 0)
		return r;
	*ret = g->first->memory ? TAKE(g) : NULL;
	return 0;
}

void ledger_growth_free(struct ledger_growth *g)
{
	if (!g)
		return;
	snapshot_free(g->first);
	free(g);
}

/* Memory of C, mappings and threads are judged by who saw each call, or each look, in between. */
static bool is_ours(const char *pattern)
{
	static const char *const ours[] = {
		"growing-global", "heap-not-returned", "gc-headroom", "unexplained",
	};

	for (size_t i = 0; i < ARRAY_SIZE(ours); i++)
		if (strcmp(ours[i], pattern) == 0)
			return true;
	return false;
}

static int add(struct snapshot *s, const struct finding *more, uint32_t n)
{
	int r = snapshot_reserve_findings(s, n);

	/* Their strings are in its arena. */
	for (uint32_t i = 0; r == 0 && i < n; i++)
		if (is_ours(more[i].pattern))
			s->findings[s->n_findings++] = more[i];
	return r;
}

int ledger_growth_end(const struct ledger_growth *g, const struct subject *subject,
		      struct go_runtime *rt, struct snapshot *s, struct diag *d)
{
	struct memory_look before, after;
	struct memory_growth_source src = { .before = &before, .after = &after };
	const struct finding *found;
	uint32_t n;
	int r = take(subject, rt, s, d);

	if (r < 0 || !s->memory)
		return r;
	src.seconds = (double)(s->time.tv_sec - g->first->time.tv_sec) +
		      (double)(s->time.tv_nsec - g->first->time.tv_nsec) / 1e9;
	src.warm = g->first->process.uptime_s >= src.seconds;
	r = memory_look_of(g->first, s->arena, &before);
	if (r == 0)
		r = memory_look_of(s, s->arena, &after);
	if (r == 0)
		r = memory_verdict_growth(&src, s->arena, &found, &n);
	return r < 0 ? r : add(s, found, n);
}
