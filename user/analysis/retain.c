// SPDX-License-Identifier: Apache-2.0
#include "analysis/retain.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NOBODY 0x7fffffffu	/* owner of a node that no root reaches */
#define SHARED 0x80000000u	/* in an owner: other roots reach it too */
/* Owners lie all over the heap: they are asked for before they are needed. */
#define AHEAD 8

struct retain {
	const struct edges *e;
	const struct root_edge *seeds;
	size_t n_seeds;
	uint32_t *owner;	/* by node */
	uint32_t *order;	/* inner nodes as they were reached; later a stack */
	uint32_t n_order;
	uint32_t *parent;	/* with ways: who reached it first; EDGES_NO_NODE a root */
	uint64_t *below;	/* with ways: bytes first reached through it, itself included */
};

void retain_free(struct retain *r)
{
	if (!r)
		return;
	free(r->owner);
	free(r->order);
	free(r->parent);
	free(r->below);
	free(r);
}

uint64_t retain_cost(uint64_t nodes, bool ways)
{
	return nodes * (ways ? 20 : 8);
}

static void *room_for(uint64_t n, size_t size)
{
	return calloc(n ? n : 1, size);
}

static struct retain *retain_new(const struct edges *e, bool ways)
{
	struct retain *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->e = e;
	r->owner = malloc((e->n_nodes ? e->n_nodes : 1) * sizeof(*r->owner));
	r->order = room_for(e->n_inner, sizeof(*r->order));
	if (ways) {
		r->parent = room_for(e->n_nodes, sizeof(*r->parent));
		r->below = room_for(e->n_nodes, sizeof(*r->below));
	}
	if (!r->owner || !r->order || (ways && (!r->parent || !r->below))) {
		retain_free(r);
		return NULL;
	}
	for (uint32_t i = 0; i < e->n_nodes; i++)
		r->owner[i] = NOBODY;
	return r;
}

static void reach(struct retain *r, uint32_t node, uint32_t root, uint32_t parent)
{
	r->owner[node] = root;
	if (r->parent)
		r->parent[node] = parent;
	if (node < r->e->n_inner)
		r->order[r->n_order++] = node;
}

/* All that is reached from order[at] on and was not before; breadth first. */
static void spread(struct retain *r, uint32_t at)
{
	const struct edges *e = r->e;

	for (; at < r->n_order; at++) {
		uint32_t node = r->order[at], root = r->owner[node];
		uint32_t end = e->first[node + 1];

		if (at + AHEAD < r->n_order)
			__builtin_prefetch(&e->first[r->order[at + AHEAD]]);
		for (uint32_t i = e->first[node]; i < end; i++) {
			uint32_t to = e->to[i];

			if (i + AHEAD < end)
				__builtin_prefetch(&r->owner[e->to[i + AHEAD]]);
			if (r->owner[to] == NOBODY && !edges_closed(e, to))
				reach(r, to, root, node);
		}
	}
}

static void reach_all(struct retain *r, const struct retain_root *roots)
{
	for (uint32_t rank = 0; rank < RETAIN_RANKS; rank++) {
		uint32_t at = r->n_order;

		for (size_t i = 0; i < r->n_seeds; i++) {
			const struct root_edge *s = &r->seeds[i];

			if (s->node < r->e->n_nodes && roots[s->root].rank == rank &&
			    r->owner[s->node] == NOBODY)
				reach(r, s->node, s->root, EDGES_NO_NODE);
		}
		spread(r, at);
	}
}

/* Sums up the tree of first ways, from its leaves to its roots. */
static void sum_up(struct retain *r)
{
	const struct edges *e = r->e;

	for (uint32_t i = 0; i < e->n_runs; i++)
		for (uint32_t k = 0; k < e->runs[i].n; k++)
			r->below[e->runs[i].first + k] = e->runs[i].each;
	for (uint32_t node = e->n_inner; node < e->n_nodes; node++)
		if (r->owner[node] != NOBODY && r->parent[node] != EDGES_NO_NODE)
			r->below[r->parent[node]] += r->below[node];
	for (uint32_t i = r->n_order; i-- > 0;) {
		uint32_t node = r->order[i];

		if (r->parent[node] != EDGES_NO_NODE)
			r->below[r->parent[node]] += r->below[node];
	}
}

/* --- What more than one root reaches --- */

/* Marks a node; an inner one goes on the stack, each but once. */
static uint32_t share(struct retain *r, uint32_t node, uint32_t depth)
{
	if (r->owner[node] & SHARED)
		return depth;
	r->owner[node] |= SHARED;
	if (node < r->e->n_inner)
		r->order[depth++] = node;
	return depth;
}

/*
 * Where an edge leads from what one root reached first to what another did, both reach its end,
 * and all that lies behind. If two roots reach a node at all, the way of the second one crosses to
 * the first one's at such an edge, or begins there: so none is missed.
 */
static void find_shared(struct retain *r)
{
	const struct edges *e = r->e;
	uint32_t depth = 0;

	for (size_t i = 0; i < r->n_seeds; i++) {
		const struct root_edge *s = &r->seeds[i];

		if (s->node < e->n_nodes && (r->owner[s->node] & ~SHARED) != s->root)
			depth = share(r, s->node, depth);
	}
	for (uint32_t node = 0; node < e->n_inner; node++) {
		uint32_t root = r->owner[node] & ~SHARED, end = e->first[node + 1];

		if (root == NOBODY)
			continue;
		for (uint32_t i = e->first[node]; i < end; i++) {
			uint32_t to = e->to[i];

			if (i + AHEAD < end)
				__builtin_prefetch(&r->owner[e->to[i + AHEAD]]);
			if ((r->owner[to] & ~SHARED) != root && !edges_closed(e, to))
				depth = share(r, to, depth);
		}
	}
	while (depth) {
		uint32_t node = r->order[--depth];

		for (uint32_t i = e->first[node]; i < e->first[node + 1]; i++)
			if (!edges_closed(e, e->to[i]))
				depth = share(r, e->to[i], depth);
	}
}

static void account(const struct retain *r, struct retain_root *roots, struct retain_totals *t)
{
	const struct edges *e = r->e;

	*t = (struct retain_totals){ 0 };
	for (uint32_t i = 0; i < e->n_runs; i++) {
		const struct node_run *run = &e->runs[i];

		for (uint32_t node = run->first; node < run->first + run->n; node++) {
			struct retain_root *root;

			if (r->owner[node] == NOBODY) {
				t->unreached_bytes += run->each;
				continue;
			}
			root = &roots[r->owner[node] & ~SHARED];
			root->bytes += run->each;
			root->objects++;
			t->live_bytes += run->each;
			t->live_objects++;
			if (r->owner[node] & SHARED) {
				t->shared_bytes += run->each;
				continue;
			}
			root->exclusive_bytes += run->each;
			root->exclusive_objects++;
		}
	}
}

int retain_run(const struct edges *e, struct retain_root *roots, size_t n_roots,
	       const struct root_edge *seeds, size_t n_seeds, bool ways,
	       struct retain_totals *totals, struct retain **ret)
{
	CLEANUP(retain_free_p) struct retain *r = NULL;

	if (n_roots > RETAIN_MAX_ROOTS)
		return -EINVAL;
	for (size_t i = 0; i < n_roots; i++) {
		if (roots[i].rank >= RETAIN_RANKS)
			return -EINVAL;
		roots[i] = (struct retain_root){ .rank = roots[i].rank };
	}
	for (size_t i = 0; i < n_seeds; i++)
		if (seeds[i].root >= n_roots)
			return -EINVAL;
	r = retain_new(e, ways);
	if (!r)
		return -ENOMEM;
	r->seeds = seeds;
	r->n_seeds = n_seeds;
	reach_all(r, roots);
	if (ways)
		sum_up(r);
	find_shared(r);
	account(r, roots, totals);
	*ret = TAKE(r);
	return 0;
}

uint32_t retain_owner(const struct retain *r, uint32_t node, bool *shared)
{
	if (node >= r->e->n_nodes || r->owner[node] == NOBODY)
		return UINT32_MAX;
	*shared = r->owner[node] & SHARED;
	return r->owner[node] & ~SHARED;
}

/* --- Ways --- */

static void consider(const struct retain *r, uint32_t node, struct retain_step *step)
{
	step->siblings++;
	step->siblings_bytes += r->below[node];
	if (step->node == EDGES_NO_NODE || r->below[node] > step->bytes) {
		step->node = node;
		step->bytes = r->below[node];
	}
}

/* The heaviest of those that `node` reached first; its own edges may name one of them twice. */
static struct retain_step step_from(const struct retain *r, uint32_t node)
{
	const struct edges *e = r->e;
	struct retain_step step = { .node = EDGES_NO_NODE };
	uint32_t last = EDGES_NO_NODE;

	if (node >= e->n_inner)
		return step;
	for (uint32_t i = e->first[node]; i < e->first[node + 1]; i++) {
		uint32_t to = e->to[i];

		if (to == last || r->owner[to] == NOBODY || r->parent[to] != node)
			continue;
		consider(r, to, &step);
		last = to;
	}
	return step;
}

static struct retain_step step_from_root(const struct retain *r, uint32_t root)
{
	struct retain_step step = { .node = EDGES_NO_NODE };
	uint32_t last = EDGES_NO_NODE;

	for (size_t i = 0; i < r->n_seeds; i++) {
		uint32_t node = r->seeds[i].node;

		if (r->seeds[i].root != root || node >= r->e->n_nodes || node == last ||
		    (r->owner[node] & ~SHARED) != root || r->parent[node] != EDGES_NO_NODE)
			continue;
		consider(r, node, &step);
		last = node;
	}
	return step;
}

size_t retain_way(const struct retain *r, uint32_t root, struct retain_step *steps, size_t max)
{
	size_t n = 0;

	if (!r->parent)
		return 0;
	for (struct retain_step s = step_from_root(r, root); n < max && s.node != EDGES_NO_NODE;
	     s = step_from(r, s.node))
		steps[n++] = s;
	return n;
}
