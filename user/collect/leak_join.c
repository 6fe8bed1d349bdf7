// SPDX-License-Identifier: Apache-2.0
#include "collect/leak_join.h"

#include "goruntime/park.h"

const struct leaked_goroutine *leak_join_find(const struct leak_set *l, const struct go_g *g)
{
	uint32_t low = 0, high = l ? l->n : 0;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		const struct leaked_goroutine *at = &l->all[middle];

		if (at->goid == g->goid)
			return at->park == go_park_id(g) ? at : NULL;
		if (at->goid < g->goid)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

static uint64_t share(uint64_t bytes, uint64_t part, uint64_t whole)
{
	return whole ? (uint64_t)((unsigned __int128)bytes * part / whole) : 0;
}

/* What of a site's bytes is that of the goroutines counted since the last time. */
static void add_share(struct gathered *e, const struct leak_set *l)
{
	const struct leak_site *s = e->leak_site < l->n_sites ? &l->sites[e->leak_site] : NULL;

	if (s && e->of_leak_site)
		e->group.leaked_heap_bytes += share(s->heap_bytes, e->of_leak_site, s->count);
	e->of_leak_site = 0;
}

void leak_join_count(struct gathered *e, const struct leak_set *l,
		     const struct leaked_goroutine *which, const struct go_g *g)
{
	struct group *to = &e->group;

	if (which->grade == VERDICT_PROVEN)
		to->n_proven++;
	else if (which->grade == VERDICT_LIKELY)
		to->n_likely++;
	else
		to->n_leak_suspect++;
	to->leaked_heap_known = true;
	to->leaked_stack_bytes += g->stack_hi - g->stack_lo;
	if (g->waitsince > 0 && (!e->leaked_waitsince || g->waitsince < e->leaked_waitsince))
		e->leaked_waitsince = g->waitsince;
	/* Nearly always one site a group: they are told apart by the same things. */
	if (which->site != e->leak_site)
		add_share(e, l);
	e->leak_site = which->site;
	e->of_leak_site++;
}

uint32_t leak_join_place(struct gathered *e)
{
	struct group *g = &e->group;
	uint32_t at = e->leaked_samples++;

	/* What the others wait on is not of interest any more. */
	if (at == 0)
		g->objects_seen = 0;
	if (g->n_samples < LIMIT_SAMPLES) {
		g->sample_ids[g->n_samples] = g->sample_ids[at];
		g->sample_tids[g->n_samples] = g->sample_tids[at];
		g->n_samples++;
	}
	return at;
}

void leak_join_finish(struct gathered *e, const struct leak_set *l)
{
	if (l && e->of_leak_site)
		add_share(e, l);
}
