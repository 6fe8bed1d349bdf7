// SPDX-License-Identifier: Apache-2.0
#include "collect/grouping.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

int grouping_init(struct grouping *g, struct arena *a)
{
	*g = (struct grouping){ .arena = a, .by_hash = addrmap_new() };
	if (!g->by_hash)
		return -ENOMEM;
	g->seed = addrmap_seed();
	return 0;
}

void grouping_done(struct grouping *g)
{
	addrmap_free(g->by_hash);
	free(g->all);
	*g = (struct grouping){ 0 };
}

/* A pc and whether it is exact, in one number: code lies below 2^47. */
static uint64_t pc_key(const struct walk_frame *f)
{
	return f->pc << 1 | f->exact;
}

/* With no stack to tell goroutines apart, where they started does. */
static uint64_t start_key(const struct go_walk *w)
{
	return w->n_frames ? 0 : w->g->startpc;
}

static uint64_t hash_of(const struct grouping *g, const struct group_key *k)
{
	const struct go_walk *w = k->walk;
	uint64_t words[LIMIT_FRAMES + 6];
	size_t n = 0;

	words[n++] = w->g->state;
	words[n++] = (uintptr_t)k->wait_reason;
	words[n++] = (uint64_t)k->label_set << 1 | k->system;
	words[n++] = w->g->gopc;
	words[n++] = start_key(w);
	for (size_t i = 0; i < w->n_frames; i++)
		words[n++] = pc_key(&w->frames[i]);
	return XXH3_64bits_withSeed(words, n * sizeof(*words), g->seed);
}

static bool is_of(const struct gathered *e, const struct group_key *k)
{
	const struct go_walk *w = k->walk;

	if (e->group.state != w->g->state || e->group.wait_reason != k->wait_reason ||
	    e->label_set != k->label_set || e->group.system != k->system ||
	    e->gopc != w->g->gopc || e->startpc != start_key(w) || e->n_pcs != w->n_frames)
		return false;
	for (uint32_t i = 0; i < e->n_pcs; i++)
		if (e->pcs[i] != pc_key(&w->frames[i]))
			return false;
	return true;
}

static int add(struct grouping *g, const struct group_key *k, uint64_t hash)
{
	const struct go_walk *w = k->walk;
	struct gathered *e;
	uint64_t *pcs;

	if (g->n == g->room) {
		uint32_t room = g->room ? g->room * 2 : 64;

		if (g->n >= LIMIT_GROUPS)
			return -E2BIG;
		e = realloc(g->all, room * sizeof(*e));
		if (!e)
			return -ENOMEM;
		g->all = e;
		g->room = room;
	}
	pcs = arena_alloc(g->arena, w->n_frames ? w->n_frames : 1, sizeof(*pcs));
	if (!pcs)
		return -ENOMEM;
	for (size_t i = 0; i < w->n_frames; i++)
		pcs[i] = pc_key(&w->frames[i]);
	g->all[g->n] = (struct gathered){
		.group = { .state = w->g->state,
			   .wait_reason = k->wait_reason,
			   .system = k->system,
			   .oldest_wait_ns = WAIT_UNKNOWN },
		.hint = WAIT_HINT_INIT,
		.pcs = pcs,
		.n_pcs = (uint32_t)w->n_frames,
		.label_set = k->label_set,
		.gopc = w->g->gopc,
		.startpc = start_key(w),
	};
	if (addrmap_put(g->by_hash, hash, g->n) < 0)
		return -ENOMEM;
	return 0;
}

int grouping_find(struct grouping *g, const struct group_key *key, uint32_t *ret, bool *is_new)
{
	uint64_t hash = hash_of(g, key);
	uint32_t at;
	int r;

	/* Equal hashes of different keys are told apart, and the second moves on by one. */
	for (; addrmap_get(g->by_hash, hash, &at) == 0; hash++)
		if (is_of(&g->all[at], key)) {
			*ret = at;
			*is_new = false;
			return 0;
		}
	r = add(g, key, hash);
	if (r < 0)
		return r;
	*ret = g->n++;
	*is_new = true;
	return 0;
}
