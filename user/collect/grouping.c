// SPDX-License-Identifier: Apache-2.0
#include "collect/grouping.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "collect/ages.h"
#include "collect/leak_join.h"

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
		.past.oldest = UINT32_MAX,
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

/* --- In the snapshot --- */

static void count_name(struct named_count *counts, uint32_t *n, const char *name, uint64_t more)
{
	uint32_t i;

	for (i = 0; i < *n && strcmp(counts[i].name, name) != 0; i++)
		;
	if (i == *n)
		counts[(*n)++] = (struct named_count){ name, 0 };
	counts[i].count += more;
}

static void count_group(struct snapshot *s, const struct group *g)
{
	if (g->system) {
		s->system += g->count;
		return;
	}
	s->total += g->count;
	count_name(s->by_state, &s->n_by_state, go_state_name(g->state), g->count);
	if (g->wait_reason)
		count_name(s->by_wait_reason, &s->n_by_wait_reason, g->wait_reason, g->count);
}

static int by_count(const void *a, const void *b)
{
	const struct named_count *x = a, *y = b;

	if (x->count != y->count)
		return x->count > y->count ? -1 : 1;
	return strcmp(x->name, y->name);
}

int grouping_finish(struct grouping *g, const struct ages *ages, size_t reasons,
		    struct snapshot *s, struct group_past **past)
{
	size_t n = g->n ? g->n : 1;

	s->groups = arena_alloc(s->arena, n, sizeof(*s->groups));
	s->by_state = arena_alloc(s->arena, 16, sizeof(*s->by_state));
	/* One more for those that have none. */
	s->by_wait_reason = arena_alloc(s->arena, reasons + 1, sizeof(*s->by_wait_reason));
	if (past)
		*past = arena_alloc(s->arena, n, sizeof(**past));
	if (!s->groups || !s->by_state || !s->by_wait_reason || (past && !*past))
		return -ENOMEM;
	for (uint32_t i = 0; i < g->n; i++) {
		struct gathered *e = &g->all[i];

		/* Its only goroutine was looked at again, and had moved on. */
		if (!e->group.count)
			continue;
		e->group.oldest_wait_ns = ages_bound(ages, e->oldest_waitsince);
		e->group.leaked_wait_ns = ages_bound(ages, e->leaked_waitsince);
		leak_join_finish(e, s->leaks);
		e->place = s->n_groups;
		if (past)
			(*past)[e->place] = e->past;
		s->groups[s->n_groups++] = e->group;
		count_group(s, &e->group);
	}
	qsort(s->by_state, s->n_by_state, sizeof(*s->by_state), by_count);
	qsort(s->by_wait_reason, s->n_by_wait_reason, sizeof(*s->by_wait_reason), by_count);
	return 0;
}
