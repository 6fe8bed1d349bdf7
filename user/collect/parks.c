// SPDX-License-Identifier: Apache-2.0
#include "collect/parks.h"

#include <stdlib.h>
#include <string.h>

#include "model/limits.h"

void parks_done(struct parks *p)
{
	free(p->all);
	*p = (struct parks){ 0 };
}

bool park_is_state(enum go_state s)
{
	return go_state_is_parked(s) || s == GO_SYSCALL;
}

static uint32_t depth_of(const struct go_g *g)
{
	return (uint32_t)(g->stack_hi - g->sp);
}

static bool same_park(const struct park *e, const struct go_g *g, uint32_t call)
{
	return e->goid == g->goid && e->seq == g->tracking_seq && e->call == call &&
	       e->reason == g->waitreason && e->state == (uint8_t)g->state &&
	       e->depth == depth_of(g);
}

struct park *parks_find(const struct parks *p, const struct go_g *g, uint32_t call)
{
	struct park *e = g->slot < p->n ? &p->all[g->slot] : NULL;

	if (!e || !park_is_state(g->state) || e->group == PARK_NO_GROUP ||
	    !same_park(e, g, call))
		return NULL;
	return e;
}

static struct park *slot_of(struct parks *p, uint64_t slot)
{
	if (slot >= p->n) {
		uint64_t n = p->n ? p->n : 1024;
		struct park *all;

		if (slot >= LIMIT_GOROUTINES)
			return NULL;
		while (n <= slot)
			n += n / 2;
		all = realloc(p->all, n * sizeof(*all));
		if (!all)
			return NULL;
		memset(all + p->n, 0, (n - p->n) * sizeof(*all));
		p->all = all;
		p->n = n;
	}
	return &p->all[slot];
}

struct park *parks_note(struct parks *p, const struct go_g *g, uint32_t call, uint32_t group,
			uint32_t site, uint32_t now)
{
	struct park *e = slot_of(p, g->slot);

	if (!e)
		return NULL;
	if (e->goid != g->goid)
		*e = (struct park){ .goid = g->goid };
	e->awake = !park_is_state(g->state) && e->site && park_is_state(e->state);
	if (park_is_state(g->state)) {
		if (!same_park(e, g, call) || !e->site)
			e->parked = now;
		if (e->site != site)
			e->at_site = now;
		e->site = site;
		e->depth = depth_of(g);
		e->group = group;
	}
	e->tid = 0;
	e->call = call;
	e->seq = g->tracking_seq;
	e->reason = g->waitreason;
	e->state = (uint8_t)g->state;
	return e;
}

void parks_forget_groups(struct parks *p)
{
	for (uint64_t i = 0; i < p->n; i++)
		p->all[i].group = PARK_NO_GROUP;
}
