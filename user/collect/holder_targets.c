// SPDX-License-Identifier: Apache-2.0
#include "collect/holder_targets.h"

#include <errno.h>
#include <stdlib.h>

/*
 * Rounds over all edges to find what leads to a target. What is farther away than that is no target,
 * and so a holder: more is called held, never less.
 */
#define ROUNDS 6
/* Objects of 8 bytes that begin on a page, and one that goes on from the page before. */
#define TARGETS_A_PAGE ((1u << GO_PAGE_BITS) / 8 + 1)

static bool is_target(const struct targets *t, uint32_t node)
{
	return t->nodes[node / 64] >> (node % 64) & 1;
}

static void set_target(struct targets *t, uint32_t node)
{
	t->nodes[node / 64] |= 1ull << (node % 64);
	t->n++;
}

static bool leads_there(const struct targets *t, uint32_t node)
{
	const struct edges *e = &t->graph->edges;

	for (uint32_t i = e->first[node]; i < e->first[node + 1]; i++)
		if (is_target(t, e->to[i]))
			return true;
	return false;
}

/*
 * Of 64 nodes, those that lead to a target. What the pass reached leads to none, or that would have
 * been reached. A goroutine's own record and the queues lead nowhere: they are closed.
 */
static void add_those(struct targets *t, uint32_t word, bool descending)
{
	const struct edges *e = &t->graph->edges;
	uint64_t bits = ~(t->reached[word] | t->nodes[word]);

	if (word == e->n_inner / 64)
		bits &= (1ull << e->n_inner % 64) - 1;
	if (e->closed)
		bits &= ~e->closed[word];
	while (bits) {
		uint32_t at = descending ? 63 - (uint32_t)__builtin_clzll(bits)
					 : (uint32_t)__builtin_ctzll(bits);

		bits &= ~(1ull << at);
		if (leads_there(t, word * 64 + at))
			set_target(t, word * 64 + at);
	}
}

static void add_what_leads_there(struct targets *t)
{
	uint32_t n = (t->graph->edges.n_inner + 63) / 64;

	for (uint32_t round = 0, before = 0; round < ROUNDS && t->n != before; round++) {
		before = t->n;
		for (uint32_t i = 0; i < n; i++)
			add_those(t, round % 2 ? n - 1 - i : i, round % 2);
	}
}

static void add_wait(struct targets *t, uint64_t wait)
{
	uint32_t node = object_graph_find(t->graph, wait);

	if (node != EDGES_NO_NODE && !is_target(t, node))
		set_target(t, node);
}

static void mark_wait(struct targets *t, uint64_t wait)
{
	uint32_t at = targets_find(t, wait);

	if (at != TARGET_NONE)
		t->all[at].wait = true;
}

static void each_wait(struct targets *t, const struct holders_source *src,
		      void (*take)(struct targets *t, uint64_t wait))
{
	for (uint32_t i = 0; i < src->pass->n_parked; i++) {
		const uint64_t *waits;
		uint32_t n = 0;

		if (!src->wanted[i])
			continue;
		waits = reach_pass_waits(src->pass, i, &n);
		for (uint32_t k = 0; k < n; k++)
			take(t, waits[k]);
	}
}

static int by_addr(const void *a, const void *b)
{
	uint64_t x = ((const struct target *)a)->addr, y = ((const struct target *)b)->addr;

	return x < y ? -1 : x > y;
}

static int list(struct targets *t)
{
	const struct edges *e = &t->graph->edges;
	size_t words = e->n_nodes / 64 + 1;
	uint32_t k = 0;

	t->all = calloc(t->n + 1, sizeof(*t->all));
	if (!t->all)
		return -ENOMEM;
	for (size_t w = 0; w < words; w++) {
		for (uint64_t bits = t->nodes[w]; bits; bits &= bits - 1) {
			uint32_t node = (uint32_t)(w * 64) + (uint32_t)__builtin_ctzll(bits);
			struct graph_object o = object_graph_object(t->graph, node);

			t->all[k++] = (struct target){ .addr = o.addr, .bytes = o.bytes, .node = node };
		}
	}
	qsort(t->all, t->n, sizeof(*t->all), by_addr);
	t->lo = t->n ? t->all[0].addr : 0;
	t->hi = t->n ? t->all[t->n - 1].addr + t->all[t->n - 1].bytes : 0;
	return 0;
}

/* From the last to the first, so that the first one on a page stays. */
static int map_pages(struct targets *t)
{
	size_t max_blocks = t->max_bytes / (ARENA_PAGES * sizeof(uint32_t));

	t->pages = page_map_new();
	if (!t->pages)
		return -ENOMEM;
	for (uint32_t i = t->n; i-- > 0;) {
		int r = page_map_put(t->pages, t->all[i].addr, t->all[i].addr + t->all[i].bytes,
				     i + 1, max_blocks);

		if (r < 0)
			return r;
	}
	return 0;
}

int targets_init(struct targets *t, const struct holders_source *src)
{
	int r = 0;

	*t = (struct targets){
		.graph = src->pass->graph, .reached = src->pass->reached,
		.max_bytes = src->max_bytes,
	};
	t->nodes = calloc(t->graph->edges.n_nodes / 64 + 1, sizeof(*t->nodes));
	if (!t->nodes)
		return -ENOMEM;
	each_wait(t, src, add_wait);
	if (t->n)
		add_what_leads_there(t);
	if (t->n > t->max_bytes / sizeof(*t->all))
		return -E2BIG;
	r = list(t);
	if (r == 0)
		r = map_pages(t);
	if (r == 0)
		each_wait(t, src, mark_wait);
	return r;
}

void targets_done(struct targets *t)
{
	free(t->all);
	free(t->nodes);
	page_map_free(t->pages);
	free(t->edges);
	*t = (struct targets){ 0 };
}

uint32_t targets_find(const struct targets *t, uint64_t addr)
{
	uint32_t at = page_map_get(t->pages, addr), end;

	if (!at)
		return TARGET_NONE;
	/* The last one that begins at addr or before, of those from the page's first one on. */
	at--;
	end = t->n;
	if (end - at > TARGETS_A_PAGE)
		end = at + TARGETS_A_PAGE;
	while (end - at > 1) {
		uint32_t mid = at + (end - at) / 2;

		if (t->all[mid].addr <= addr)
			at = mid;
		else
			end = mid;
	}
	return addr >= t->all[at].addr && addr - t->all[at].addr < t->all[at].bytes ? at
										   : TARGET_NONE;
}

int targets_link(struct targets *t, uint32_t from, uint32_t to)
{
	if (from == to)
		return 0;
	if (t->n_edges == t->edges_room) {
		size_t room = t->edges_room ? t->edges_room * 2 : 1024;
		struct target_edge *edges;

		if (room > t->max_bytes / sizeof(*edges))
			return -E2BIG;
		edges = realloc(t->edges, room * sizeof(*edges));
		if (!edges)
			return -ENOMEM;
		t->edges = edges;
		t->edges_room = room;
	}
	t->edges[t->n_edges++] = (struct target_edge){ from, to };
	return 0;
}

/* --- What follows from what was found --- */

static int by_from(const void *a, const void *b)
{
	uint32_t x = ((const struct target_edge *)a)->from, y = ((const struct target_edge *)b)->from;

	return x < y ? -1 : x > y;
}

struct spread {
	struct targets *t;
	uint32_t *queue;
	uint32_t n;
};

static void hold(struct spread *s, uint32_t at)
{
	if (at == TARGET_NONE || s->t->all[at].held)
		return;
	s->t->all[at].held = true;
	s->queue[s->n++] = at;
}

static void follow_graph(struct spread *s, uint32_t node)
{
	const struct edges *e = &s->t->graph->edges;

	if (node >= e->n_inner)
		return;
	for (uint32_t i = e->first[node]; i < e->first[node + 1]; i++)
		if (is_target(s->t, e->to[i]))
			hold(s, targets_find(s->t, object_graph_object(s->t->graph, e->to[i]).addr));
}

static void follow_seen(struct spread *s, uint32_t from)
{
	const struct targets *t = s->t;
	size_t lo = 0, hi = t->n_edges;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (t->edges[mid].from < from)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (; lo < t->n_edges && t->edges[lo].from == from; lo++)
		hold(s, t->edges[lo].to);
}

int targets_spread(struct targets *t)
{
	struct spread s = { .t = t, .queue = calloc(t->n + 1, sizeof(*s.queue)) };

	if (!s.queue)
		return -ENOMEM;
	if (t->n_edges)
		qsort(t->edges, t->n_edges, sizeof(*t->edges), by_from);
	for (uint32_t i = 0; i < t->n; i++)
		if (t->all[i].held)
			s.queue[s.n++] = i;
	while (s.n) {
		uint32_t at = s.queue[--s.n];

		follow_graph(&s, t->all[at].node);
		follow_seen(&s, at);
	}
	free(s.queue);
	return 0;
}
