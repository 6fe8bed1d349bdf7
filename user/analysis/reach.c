// SPDX-License-Identifier: Apache-2.0
#include "analysis/reach.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

/*
 * Nodes between the worklist and their edges: while they wait, memory is fetched, in the first half of
 * the way where their edges begin, in the second half these.
 */
#define AHEAD 16

struct wait_edge {
	uint32_t node, blocked;
};

struct reach {
	struct reach_graph *g;
	const struct edges *e;
	uint64_t *marks;		/* a bit a node: reached */
	uint64_t *awaited;		/* a bit a node: some blocked goroutine waits on it */
	struct wait_edge *waits;	/* ascending by node */
	size_t n_waits;
	uint32_t *work;			/* nodes whose edges are not followed yet */
	size_t n_work, room;
	uint32_t *woken;		/* blocked ones that came alive, their nodes not entered yet */
	size_t n_woken;
	bool waking;			/* in the first half: what is reached wakes */
	uint64_t *bytes;		/* in the second half: of the site in hand */
	bool failed;			/* memory was short */
};

static void reach_done(struct reach *r)
{
	free(r->marks);
	free(r->awaited);
	free(r->waits);
	free(r->work);
	free(r->woken);
}

static bool get_bit(const uint64_t *bits, uint32_t i)
{
	return bits[i / 64] >> (i % 64) & 1;
}

static void set_bit(uint64_t *bits, uint32_t i)
{
	bits[i / 64] |= 1ull << (i % 64);
}

static uint64_t bytes_of(const struct edges *e, uint32_t node)
{
	uint32_t lo = 0, hi = e->n_runs;

	while (hi - lo > 1) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (e->runs[mid].first <= node)
			lo = mid;
		else
			hi = mid;
	}
	return e->n_runs && node - e->runs[lo].first < e->runs[lo].n ? e->runs[lo].each : 0;
}

/* --- The worklist --- */

static void wake(struct reach *r, uint32_t node)
{
	size_t lo = 0, hi = r->n_waits;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (r->waits[mid].node < node)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (; lo < r->n_waits && r->waits[lo].node == node; lo++) {
		struct reach_blocked *b = &r->g->blocked[r->waits[lo].blocked];

		if (b->alive)
			continue;
		b->alive = true;
		r->woken[r->n_woken++] = r->waits[lo].blocked;
	}
}

static void push(struct reach *r, uint32_t node)
{
	if (r->n_work == r->room) {
		size_t room = r->room ? r->room * 2 : 4096;
		uint32_t *work = realloc(r->work, room * sizeof(*work));

		if (!work) {
			r->failed = true;
			return;
		}
		r->work = work;
		r->room = room;
	}
	r->work[r->n_work++] = node;
}

/* The node is reached: by a root or a stack when it may be a closed one. */
static void reach_node(struct reach *r, uint32_t node)
{
	if (get_bit(r->marks, node))
		return;
	set_bit(r->marks, node);
	if (r->waking && r->awaited && get_bit(r->awaited, node))
		wake(r, node);
	if (r->bytes)
		*r->bytes += bytes_of(r->e, node);
	if (node < r->e->n_inner)
		push(r, node);
}

static void follow(struct reach *r, uint32_t node)
{
	const struct edges *e = r->e;

	for (uint32_t i = e->first[node]; i < e->first[node + 1]; i++)
		if (!get_bit(r->marks, e->to[i]) && !edges_closed(e, e->to[i]))
			reach_node(r, e->to[i]);
}

/* Nodes pass a short queue, so that the next ones' memory is on its way. */
static void drain(struct reach *r)
{
	uint32_t ahead[AHEAD];
	size_t n = 0, next = 0;

	while (!r->failed && (n || r->n_work)) {
		while (n < AHEAD && r->n_work) {
			uint32_t node = r->work[--r->n_work];

			__builtin_prefetch(&r->e->first[node]);
			ahead[(next + n++) % AHEAD] = node;
		}
		if (n > AHEAD / 2 && r->e->to)
			__builtin_prefetch(&r->e->to[r->e->first[ahead[(next + AHEAD / 2) % AHEAD]]]);
		follow(r, ahead[next]);
		next = (next + 1) % AHEAD;
		n--;
	}
}

static void enter(struct reach *r, uint64_t first, uint64_t n)
{
	for (uint64_t i = first; i < first + n; i++)
		if (r->g->nodes[i] < r->e->n_nodes)
			reach_node(r, r->g->nodes[i]);
}

/* --- Who is alive --- */

static int by_node(const void *a, const void *b)
{
	const struct wait_edge *x = a, *y = b;

	return x->node < y->node ? -1 : x->node > y->node;
}

/* Checks the ranges, and sees to those that are alive whatever is reached. */
static int sort_out(struct reach *r)
{
	const struct reach_graph *g = r->g;
	size_t n_waits = 0;

	for (uint32_t i = 0; i < g->n_blocked; i++) {
		struct reach_blocked *b = &g->blocked[i];
		uint64_t n = (uint64_t)b->n_waits + b->n_records + b->n_stack;

		if (b->site >= g->n_sites || b->first > g->n_nodes || n > g->n_nodes - b->first)
			return -EINVAL;
		if (!b->forever && !b->n_waits)
			b->alive = true;
		for (uint32_t k = 0; k < b->n_waits && !b->forever; k++)
			if (g->nodes[b->first + k] >= r->e->n_nodes)
				b->alive = true;
		if (b->alive)
			r->woken[r->n_woken++] = i;
		else if (!b->forever)
			n_waits += b->n_waits;
	}
	r->waits = malloc((n_waits + 1) * sizeof(*r->waits));
	return r->waits ? 0 : -ENOMEM;
}

static void index_waits(struct reach *r)
{
	const struct reach_graph *g = r->g;

	for (uint32_t i = 0; i < g->n_blocked; i++) {
		const struct reach_blocked *b = &g->blocked[i];

		for (uint32_t k = 0; k < b->n_waits && !b->alive && !b->forever; k++) {
			uint32_t node = g->nodes[b->first + k];

			r->waits[r->n_waits++] = (struct wait_edge){ node, i };
			set_bit(r->awaited, node);
		}
	}
	if (r->n_waits)
		qsort(r->waits, r->n_waits, sizeof(*r->waits), by_node);
}

/* A blocked goroutine that comes alive adds roots, which may reach what others wait on. */
static void find_alive(struct reach *r)
{
	r->waking = true;
	for (size_t i = 0; i < r->g->n_seeds; i++)
		if (r->g->seeds[i] < r->e->n_nodes)
			reach_node(r, r->g->seeds[i]);
	for (size_t i = 0; i < r->g->n_records; i++)
		if (r->g->records[i] < r->e->n_nodes)
			reach_node(r, r->g->records[i]);
	drain(r);
	while (r->n_woken && !r->failed) {
		const struct reach_blocked *b = &r->g->blocked[r->woken[--r->n_woken]];

		enter(r, b->first, (uint64_t)b->n_waits + b->n_records + b->n_stack);
		drain(r);
	}
	r->waking = false;
}

/* --- What the dead hold --- */

/* The bytes of all nodes that are marked. */
static uint64_t marked_bytes(const struct reach *r)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < r->e->n_runs; i++) {
		const struct node_run *run = &r->e->runs[i];
		uint64_t n = 0;

		for (uint32_t node = run->first; node < run->first + run->n; node++)
			n += get_bit(r->marks, node);
		sum += n * run->each;
	}
	return sum;
}

/* The records of a dead one are nobody's bytes: the runtime keeps them, whoever ran on them. */
static void mark_records(struct reach *r, const struct reach_blocked *b)
{
	for (uint32_t i = 0; i < b->n_records; i++) {
		uint32_t node = r->g->nodes[b->first + b->n_waits + i];

		if (node < r->e->n_nodes)
			set_bit(r->marks, node);
	}
}

static void enter_dead(struct reach *r, const struct reach_blocked *b)
{
	enter(r, b->first, b->n_waits);
	enter(r, b->first + b->n_waits + b->n_records, b->n_stack);
	for (uint32_t i = 0; i < b->n_records; i++) {
		uint32_t node = r->g->nodes[b->first + b->n_waits + i];

		if (node < r->e->n_inner)
			follow(r, node);
	}
	drain(r);
}

/* Site by site: what two of them hold is counted to the first. */
static int count_dead(struct reach *r, uint64_t *site_bytes, struct reach_totals *totals)
{
	const struct reach_graph *g = r->g;
	uint32_t *ends = calloc((size_t)g->n_sites + 1, sizeof(*ends));
	uint32_t *dead = malloc(((size_t)g->n_blocked + 1) * sizeof(*dead));
	uint32_t sum = 0;

	if (!ends || !dead) {
		free(ends);
		free(dead);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < g->n_blocked; i++)
		ends[g->blocked[i].site] += !g->blocked[i].alive;
	for (uint32_t s = 0; s < g->n_sites; s++) {
		uint32_t n = ends[s];

		ends[s] = sum;
		sum += n;
	}
	for (uint32_t i = 0; i < g->n_blocked; i++)
		if (!g->blocked[i].alive)
			dead[ends[g->blocked[i].site]++] = i;
	for (uint32_t i = 0; i < sum; i++)
		mark_records(r, &g->blocked[dead[i]]);
	for (uint32_t i = 0; i < sum && !r->failed; i++) {
		r->bytes = &site_bytes[g->blocked[dead[i]].site];
		enter_dead(r, &g->blocked[dead[i]]);
	}
	for (uint32_t s = 0; s < g->n_sites; s++)
		totals->dead_bytes += site_bytes[s];
	totals->dead = sum;
	free(ends);
	free(dead);
	return 0;
}

static int copy_marks(const struct reach *r, uint64_t **ret)
{
	size_t bytes = (r->e->n_nodes / 64 + 1) * sizeof(**ret);

	*ret = malloc(bytes);
	if (!*ret)
		return -ENOMEM;
	memcpy(*ret, r->marks, bytes);
	return 0;
}

int reach_run(struct reach_graph *g, uint64_t *site_bytes, struct reach_totals *totals,
	      uint64_t **live)
{
	CLEANUP(reach_done) struct reach r = { .g = g, .e = g->edges };
	int n;

	*totals = (struct reach_totals){ 0 };
	memset(site_bytes, 0, g->n_sites * sizeof(*site_bytes));
	r.marks = calloc(r.e->n_nodes / 64 + 1, sizeof(*r.marks));
	r.awaited = calloc(r.e->n_nodes / 64 + 1, sizeof(*r.awaited));
	r.woken = malloc(((size_t)g->n_blocked + 1) * sizeof(*r.woken));
	if (!r.marks || !r.awaited || !r.woken)
		return -ENOMEM;
	n = sort_out(&r);
	if (n < 0)
		return n;
	index_waits(&r);
	find_alive(&r);
	if (r.failed)
		return -ENOMEM;
	totals->live_bytes = marked_bytes(&r);
	n = live ? copy_marks(&r, live) : 0;
	if (n == 0)
		n = count_dead(&r, site_bytes, totals);
	return n == 0 && r.failed ? -ENOMEM : n;
}
