// SPDX-License-Identifier: Apache-2.0
#include "collect/memory_stacks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/memory_origin.h"
#include "base/addrmap.h"

enum {
	UNWOUND_MAX = 128,	/* of one interval: some 30 us each */
	NAMED_MAX = 4096,
	WALKS_MAX = 8192,	/* different walks by frame pointers */
	SPLIT = 4,		/* stacks that one of these may stand for */
	WALKS_ROOM = 2048,	/* of one interval: all are forgotten when there is no more */
	ENOUGH = 8,		/* samples of one, after which a single stack is believed */
};

/* One walk by frame pointers, and the stacks that its samples turned out to be. */
struct walk {
	uint64_t ids[SPLIT];
	uint32_t samples[SPLIT];
	uint32_t n;
	uint64_t kept;		/* the last that kept what it had; 0: none */
	uint32_t site;		/* in the current interval's, + 1; 0: not there */
};

struct memory_stacks {
	struct mixed_source source;
	struct arena *names;
	struct memory_stack *named;
	uint32_t n_named;
	struct addrmap *by_id;
	struct walk *walks;
	uint32_t n_walks;
	struct addrmap *by_walk;	/* key_of() */
	struct addrmap *by_addr;	/* of this interval's samples: index of named */
	const struct traced_memory *now;
};

struct memory_stacks *memory_stacks_new(const struct mixed_source *source)
{
	CLEANUP(memory_stacks_free_p) struct memory_stacks *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->source = *source;
	s->names = arena_new();
	s->named = calloc(NAMED_MAX, sizeof(*s->named));
	s->walks = calloc(WALKS_MAX, sizeof(*s->walks));
	s->by_id = addrmap_new();
	s->by_walk = addrmap_new();
	s->by_addr = addrmap_new();
	if (!s->names || !s->named || !s->walks || !s->by_id || !s->by_walk || !s->by_addr)
		return NULL;
	return TAKE(s);
}

void memory_stacks_free(struct memory_stacks *s)
{
	if (!s)
		return;
	arena_free(s->names);
	free(s->named);
	free(s->walks);
	addrmap_free(s->by_id);
	addrmap_free(s->by_walk);
	addrmap_free(s->by_addr);
	free(s);
}

const struct memory_stack *memory_stacks_get(const struct memory_stacks *s, uint64_t id)
{
	uint32_t at;

	return addrmap_get(s->by_id, id, &at) == 0 ? &s->named[at] : NULL;
}

/* Gives a stack its names, once. -ENOSPC: there are too many. */
static int name(struct memory_stacks *s, uint64_t id, enum traced_memory_kind kind,
		const struct mixed_stack *stack)
{
	struct memory_stack *new = &s->named[s->n_named];
	const struct frame *at;
	int r;

	if (memory_stacks_get(s, id))
		return 0;
	if (s->n_named == NAMED_MAX)
		return -ENOSPC;
	*new = (struct memory_stack){ .id = id, .kind = kind };
	r = mixed_stack_name(&s->source, stack, s->names, &new->stack);
	if (r < 0)
		return r;
	new->origin = memory_origin(&new->stack, NULL, &at);
	r = addrmap_put(s->by_id, id, s->n_named);
	if (r == 0)
		s->n_named++;
	return r;
}

/* --- Walks --- */

static uint64_t key_of(enum traced_memory_kind kind, uint64_t site)
{
	return site ^ ((uint64_t)kind + 1) * 0x9e3779b97f4a7c15u;
}

/* NULL: there are too many. */
static struct walk *walk_of(struct memory_stacks *s, enum traced_memory_kind kind, uint64_t site)
{
	uint64_t key = key_of(kind, site);
	uint32_t at;

	if (addrmap_get(s->by_walk, key, &at) == 0)
		return &s->walks[at];
	if (s->n_walks == WALKS_MAX || addrmap_put(s->by_walk, key, s->n_walks) < 0)
		return NULL;
	s->walks[s->n_walks] = (struct walk){ .n = 0 };
	return &s->walks[s->n_walks++];
}

/* The interval's site that a walk is of; NULL. */
static const struct traced_memory_site *site_of(const struct memory_stacks *s, const struct walk *w)
{
	return w->site ? &s->now->sites[w->site - 1] : NULL;
}

static void add_stack(struct walk *w, uint64_t id)
{
	uint32_t i = 0;

	while (i < w->n && w->ids[i] != id)
		i++;
	/* One more than there is room for: the rarest makes way. */
	if (i == SPLIT) {
		i = SPLIT - 1;
		w->samples[i] = 0;
	}
	if (i >= w->n)
		w->n = i + 1;
	w->ids[i] = id;
	w->samples[i]++;
	while (i > 0 && w->samples[i] > w->samples[i - 1]) {
		uint64_t other = w->ids[i - 1];
		uint32_t count = w->samples[i - 1];

		w->ids[i - 1] = w->ids[i];
		w->samples[i - 1] = w->samples[i];
		w->ids[i] = other;
		w->samples[i--] = count;
	}
}

/* --- Samples --- */

/* Who keeps memory may hide behind many who do not: only a whole walk is as good as a sample. */
static bool is_known(const struct memory_stacks *s, const struct walk *w, bool kept)
{
	const struct traced_memory_site *site = site_of(s, w);

	return w->n == 1 && w->samples[0] >= ENOUGH && (!kept || (site && site->whole));
}

/* The id of its stack, which has names now. 0: no room. */
static int unwind_sample(struct memory_stacks *s, const struct traced_memory_sample *sample,
			 const struct walk *w, uint64_t *ret)
{
	const struct traced_memory_site *site = site_of(s, w);
	struct mixed_stack stack;
	int r = mixed_stack_unwind(&s->source, &sample->stack, false, sample->go_pcs,
				   sample->n_go_pcs, &stack);

	if (r < 0)
		return r;
	if (site)
		mixed_stack_extend(&stack, site->pcs, site->n_pcs, site->whole);
	*ret = mixed_stack_hash(&stack);
	r = name(s, *ret, sample->kind, &stack);
	if (r == -ENOSPC)
		*ret = 0;
	return r == -ENOSPC ? 0 : r;
}

static int learn(struct memory_stacks *s, const struct traced_memory_sample *sample,
		 uint32_t *unwound)
{
	struct walk *w = walk_of(s, sample->kind, sample->site);
	const struct memory_stack *found;
	uint64_t id = 0;
	int r = 0;

	if (!w)
		return 0;
	if (is_known(s, w, sample->kept)) {
		id = w->ids[0];
	} else if (*unwound < UNWOUND_MAX) {
		(*unwound)++;
		r = unwind_sample(s, sample, w, &id);
	}
	if (r < 0 || !id)
		return r;
	if (!sample->kept) {
		add_stack(w, id);
		return 0;
	}
	w->kept = id;
	found = memory_stacks_get(s, id);
	if (!found)
		return 0;
	return addrmap_put(s->by_addr, sample->addr, (uint32_t)(found - s->named));
}

/* A walk without a sample: its own frames must do. */
static uint64_t take_walk(struct memory_stacks *s, const struct traced_memory_site *site)
{
	struct mixed_stack stack;
	uint64_t id;

	mixed_stack_take(site->pcs, site->n_pcs, site->whole, &stack);
	id = mixed_stack_hash(&stack);
	return name(s, id, site->kind, &stack) < 0 ? 0 : id;
}

uint64_t memory_stacks_of(struct memory_stacks *s, enum traced_memory_kind kind, uint64_t site,
			  uint64_t addr)
{
	const struct walk *w = walk_of(s, kind, site);
	const struct traced_memory_site *t;
	uint32_t at;

	if (addrmap_get(s->by_addr, addr, &at) == 0)
		return s->named[at].id;
	if (w && (w->kept || w->n))
		return w->kept ? w->kept : w->ids[0];
	t = w ? site_of(s, w) : NULL;
	return t ? take_walk(s, t) : 0;
}

/* --- Sites --- */

struct piece {
	enum traced_memory_kind kind;
	uint64_t id;
	struct traced_bytes sum;
};

static bool is_shown(enum traced_memory_kind kind)
{
	return kind == TRACED_MMAP_ANON || kind == TRACED_MREMAP_GROW || kind == TRACED_BRK_GROW ||
	       kind >= TRACED_FAULT;
}

/* A walk's sum, divided among its stacks as its samples were. */
static uint32_t divide(struct memory_stacks *s, const struct traced_memory_site *site,
		       struct piece *ret)
{
	const struct walk *w = walk_of(s, site->kind, site->hash);
	uint64_t all = 0;

	for (uint32_t i = 0; w && i < w->n; i++)
		all += w->samples[i];
	if (!all) {
		*ret = (struct piece){ site->kind, take_walk(s, site), site->sum };
		return ret->id != 0;
	}
	for (uint32_t i = 0; i < w->n; i++) {
		double share = (double)w->samples[i] / (double)all;

		ret[i] = (struct piece){
			.kind = site->kind,
			.id = w->ids[i],
			.sum = { .calls = (uint64_t)(share * (double)site->sum.calls + 0.5),
				 .bytes = (uint64_t)(share * (double)site->sum.bytes + 0.5) },
		};
	}
	return w->n;
}

/* All growing kinds, however many. */
static void count_had(struct memory_stacks *s, const struct traced_memory *t)
{
	for (size_t i = 0; i < t->n_sites; i++) {
		struct piece some[SPLIT];
		uint32_t n = 0;

		if (is_shown(t->sites[i].kind) && t->sites[i].kind < TRACED_FAULT)
			n = divide(s, &t->sites[i], some);
		for (uint32_t k = 0; k < n; k++) {
			uint32_t at;

			if (addrmap_get(s->by_id, some[k].id, &at) < 0)
				continue;
			s->named[at].had.calls += some[k].sum.calls;
			s->named[at].had.bytes += some[k].sum.bytes;
		}
	}
}

int memory_stacks_learn(struct memory_stacks *s, const struct traced_memory *t)
{
	uint32_t unwound = 0;
	int r = 0;

	s->now = t;
	addrmap_clear(s->by_addr);
	if (s->n_walks > WALKS_MAX - WALKS_ROOM) {
		addrmap_clear(s->by_walk);
		s->n_walks = 0;
	}
	for (uint32_t i = 0; i < s->n_walks; i++)
		s->walks[i].site = 0;
	for (size_t i = 0; i < t->n_sites; i++) {
		struct walk *w = walk_of(s, t->sites[i].kind, t->sites[i].hash);

		if (w)
			w->site = (uint32_t)i + 1;
	}
	for (size_t i = 0; r == 0 && i < t->n_samples; i++)
		r = learn(s, &t->samples[i], &unwound);
	if (r == 0)
		count_had(s, t);
	return r;
}

static int by_id(const void *a, const void *b)
{
	const struct piece *x = a, *y = b;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	return (x->id > y->id) - (x->id < y->id);
}

static int by_bytes(const void *a, const void *b)
{
	const struct piece *x = a, *y = b;

	if (x->sum.bytes != y->sum.bytes)
		return x->sum.bytes < y->sum.bytes ? 1 : -1;
	return by_id(a, b);
}

/* Pieces of one stack become one. */
static uint32_t join(struct piece *all, uint32_t n)
{
	uint32_t kept = 0;

	qsort(all, n, sizeof(*all), by_id);
	for (uint32_t i = 0; i < n; i++) {
		if (kept && by_id(&all[kept - 1], &all[i]) == 0) {
			all[kept - 1].sum.calls += all[i].sum.calls;
			all[kept - 1].sum.bytes += all[i].sum.bytes;
		} else {
			all[kept++] = all[i];
		}
	}
	qsort(all, kept, sizeof(*all), by_bytes);
	return kept;
}

int memory_stacks_sites(struct memory_stacks *s, const struct traced_memory *t, uint32_t max,
			struct arena *a, const struct memory_site **ret, uint32_t *n)
{
	struct memory_site *sites = arena_alloc(a, (size_t)max + 1, sizeof(*sites));
	struct piece *all = arena_alloc(a, (size_t)max * SPLIT + SPLIT, sizeof(*all));
	uint32_t pieces = 0, taken = 0;

	if (!sites || !all)
		return -ENOMEM;
	/* Sites come with the most bytes first. */
	for (size_t i = 0; i < t->n_sites && taken < max; i++) {
		if (!is_shown(t->sites[i].kind))
			continue;
		taken++;
		pieces += divide(s, &t->sites[i], all + pieces);
	}
	pieces = join(all, pieces);
	*n = 0;
	for (uint32_t i = 0; i < pieces && *n < max; i++) {
		const struct memory_stack *m = memory_stacks_get(s, all[i].id);

		if (m)
			sites[(*n)++] = (struct memory_site){ all[i].kind, all[i].sum, m->stack };
	}
	*ret = sites;
	return 0;
}
