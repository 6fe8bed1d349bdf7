// SPDX-License-Identifier: Apache-2.0
#include "collect/leaks_fill.h"

#include <errno.h>
#include <stdlib.h>

/* Sites of the pass with somebody in the set, numbered anew. */
static int fill_sites(const struct reach_pass *pass, const struct leaked_goroutine *all,
		      uint32_t *number, struct arena *a, struct leak_set *ret)
{
	struct leak_site *sites;

	for (uint32_t i = 0; i < ret->n; i++)
		if (number[all[i].site] == UINT32_MAX)
			number[all[i].site] = ret->n_sites++;
	sites = arena_alloc(a, ret->n_sites + 1ull, sizeof(*sites));
	if (!sites)
		return -ENOMEM;
	for (uint32_t i = 0; i < pass->n_sites; i++) {
		const struct reach_site *from = &pass->sites[i];

		if (number[i] == UINT32_MAX)
			continue;
		sites[number[i]] = (struct leak_site){
			.pcs_hash = from->pcs_hash,
			.stack_bytes = from->stack_bytes,
			.heap_bytes = from->heap_bytes,
		};
		ret->heap_bytes += from->heap_bytes;
	}
	ret->sites = sites;
	return 0;
}

/* What a site holds is of all its dead: where some of them are not in the set, their share of it. */
static void share(const struct reach_pass *pass, const uint32_t *number, struct leak_site *sites,
		  struct leak_set *ret)
{
	ret->heap_bytes = 0;
	for (uint32_t i = 0; i < pass->n_sites; i++) {
		struct leak_site *to = number[i] == UINT32_MAX ? NULL : &sites[number[i]];
		uint64_t dead = pass->sites[i].dead;

		if (!to)
			continue;
		if (to->count < dead) {
			double part = (double)to->count / (double)dead;

			to->stack_bytes = (uint64_t)((double)to->stack_bytes * part);
			to->heap_bytes = (uint64_t)((double)to->heap_bytes * part);
		}
		ret->heap_bytes += to->heap_bytes;
	}
}

static int fill(const struct reach_pass *pass,
		enum verdict (*grade)(void *arg, const struct reach_parked *p), void *arg,
		uint32_t *number, struct arena *a, struct leak_set *ret)
{
	struct leaked_goroutine *all = arena_alloc(a, pass->dead + 1, sizeof(*all));
	struct leak_site *sites;
	int r;

	if (!all)
		return -ENOMEM;
	for (uint32_t i = 0; i < pass->n_parked; i++) {
		const struct reach_parked *p = &pass->parked[i];
		enum verdict v = p->dead && !p->forever ? grade(arg, p) : VERDICT_UNKNOWN;

		ret->judged += !p->forever;
		if (v != VERDICT_UNKNOWN && p->site < pass->n_sites && ret->n < pass->dead)
			all[ret->n++] = (struct leaked_goroutine){ p->goid, p->park, p->site, v };
	}
	r = fill_sites(pass, all, number, a, ret);
	if (r < 0)
		return r;
	sites = (struct leak_site *)ret->sites;
	for (uint32_t i = 0; i < ret->n; i++) {
		all[i].site = number[all[i].site];
		sites[all[i].site].count++;
	}
	share(pass, number, sites, ret);
	ret->all = all;
	return 0;
}

int leaks_fill(const struct reach_pass *pass,
	       enum verdict (*grade)(void *arg, const struct reach_parked *p), void *arg,
	       struct arena *a, struct leak_set *ret)
{
	uint32_t *number = malloc((pass->n_sites + 1ull) * sizeof(*number));
	int r;

	if (!number)
		return -ENOMEM;
	for (uint32_t i = 0; i < pass->n_sites; i++)
		number[i] = UINT32_MAX;
	ret->scanned_bytes = pass->scanned_bytes;
	r = fill(pass, grade, arg, number, a, ret);
	free(number);
	return r;
}
