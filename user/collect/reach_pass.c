// SPDX-License-Identifier: Apache-2.0
#include "collect/reach_pass.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collect/reach_build.h"
#include "model/limits.h"

/* --- What a pass is made of --- */

void reach_build_give_up(struct reach_build *b, const char *why, ...)
{
	va_list args;

	if (*b->why_not)
		return;
	va_start(args, why);
	vsnprintf(b->why_not, sizeof(b->why_not), why, args);
	va_end(args);
}

int reach_words_add(struct reach_build *b, struct reach_words *w, uint64_t word)
{
	if (w->n == w->room) {
		size_t room = w->room ? w->room + w->room / 2 : 4096;
		uint64_t *all;

		if (room * sizeof(*all) > b->max_bytes / 4)
			return -E2BIG;
		all = realloc(w->all, room * sizeof(*all));
		if (!all)
			return -ENOMEM;
		w->all = all;
		w->room = room;
	}
	w->all[w->n++] = word;
	return 0;
}

int reach_build_root(struct reach_build *b, uint64_t word)
{
	struct reach_words *w = &b->roots;

	if (word < b->lo || word >= b->hi || (w->n && w->all[w->n - 1] == word))
		return 0;
	return reach_words_add(b, w, word);
}

static void build_done(struct reach_build *b)
{
	free(b->roots.all);
	free(b->records.all);
	free(b->held.all);
	free(b->closed.all);
	free(b->blocked);
	free(b->hints);
	free(b->parks);
	free(b->blocked_of);
	addrmap_free(b->sites);
}

static uint64_t build_bytes(const struct reach_build *b)
{
	return (b->roots.room + b->records.room + b->held.room + b->closed.room) * 8 +
	       b->blocked_room * (sizeof(*b->blocked) + sizeof(*b->pass->parked)) +
	       b->n_slots * 12;
}

void reach_pass_free(struct reach_pass *p)
{
	if (!p)
		return;
	object_graph_free(p->graph);
	free(p->reached);
	free(p->parked);
	free(p->sites);
	free(p->waits);
	free(p);
}

const uint64_t *reach_pass_waits(const struct reach_pass *p, uint32_t i, uint32_t *n)
{
	*n = p->parked[i].n_waits;
	return p->waits + p->parked[i].first_wait;
}

/* --- From addresses to nodes --- */

/* In the place of the addresses, which are twice as wide. */
static uint32_t *to_nodes(const struct object_graph *g, struct reach_words *w, bool into_closed)
{
	uint32_t *nodes = (uint32_t *)w->all;

	for (size_t i = 0; i < w->n; i++) {
		uint64_t word;
		uint32_t node;

		memcpy(&word, &w->all[i], sizeof(word));
		node = object_graph_find(g, word);
		if (!into_closed && node != EDGES_NO_NODE && edges_closed(&g->edges, node))
			node = EDGES_NO_NODE;
		memcpy(&nodes[i], &node, sizeof(node));
	}
	return nodes;
}

/*
 * On a blocked one's stack stands many a record of the runtime's that is not its own: those of its
 * own come first, and may be entered.
 */
static void close_stacks(struct reach_build *b, uint32_t *nodes)
{
	const struct edges *e = &b->pass->graph->edges;

	for (uint32_t i = 0; i < b->pass->n_parked; i++) {
		const struct reach_blocked *k = &b->blocked[i];
		uint32_t *stack = nodes + k->first + k->n_waits + k->n_records;

		for (uint32_t n = 0; n < k->n_stack; n++)
			if (stack[n] != EDGES_NO_NODE && edges_closed(e, stack[n]))
				stack[n] = EDGES_NO_NODE;
	}
}

static int close_records(struct reach_build *b)
{
	int r = 0;

	for (size_t i = 0; i < b->closed.n && r == 0; i++)
		r = object_graph_close(b->pass->graph, b->closed.all[i]);
	return r;
}

/* --- The answer --- */

static void answer(struct reach_build *b, bool judged)
{
	struct reach_pass *p = b->pass;

	for (uint32_t i = 0; i < p->n_parked; i++) {
		struct reach_parked *k = &p->parked[i];

		k->dead = judged ? !b->blocked[i].alive : k->forever && !b->blocked[i].alive;
		if (!k->dead)
			continue;
		p->dead++;
		p->sites[k->site].dead++;
		p->sites[k->site].stack_bytes += k->stack_bytes;
	}
	for (uint32_t i = 0; i < p->n_sites; i++)
		p->heap_bytes += p->sites[i].heap_bytes;
}

static int judge(struct reach_build *b)
{
	struct reach_pass *p = b->pass;
	uint32_t *records, *seeds;
	uint64_t *bytes = calloc((size_t)p->n_sites + 1, sizeof(*bytes));
	struct reach_totals totals;
	struct reach_graph g = {
		.edges = &p->graph->edges,
		.n_nodes = b->held.n,
		.blocked = b->blocked,
		.n_blocked = p->n_parked,
		.n_sites = p->n_sites,
	};
	int r = bytes ? close_records(b) : -ENOMEM;

	for (size_t i = 0; i < b->src->n_words && r == 0; i++)
		r = reach_build_root(b, b->src->words[i]);
	if (r == 0) {
		seeds = to_nodes(p->graph, &b->roots, false);
		records = to_nodes(p->graph, &b->records, true);
		g.nodes = to_nodes(p->graph, &b->held, true);
		close_stacks(b, (uint32_t *)b->held.all);
		g.seeds = seeds;
		g.n_seeds = b->roots.n;
		g.records = records;
		g.n_records = b->records.n;
		r = reach_run(&g, bytes, &totals, &p->reached);
	}
	for (uint32_t i = 0; i < p->n_sites && r == 0; i++)
		p->sites[i].heap_bytes = bytes[i];
	free(bytes);
	return r;
}

static int build_graph(struct reach_build *b, struct diag *d)
{
	struct reach_pass *p = b->pass;
	const struct go_heap_dropped *dropped;
	uint64_t lists = build_bytes(b), lost;
	int r = lists < b->max_bytes
			? object_graph_of_heap(b->src->heap, b->max_bytes - lists,
					       b->src->stopped, &p->graph, d)
			: -E2BIG;

	if (r < 0)
		return r;
	dropped = go_heap_dropped(b->src->heap);
	lost = dropped->unreadable + dropped->absurd + dropped->overlapping - dropped->settled +
	       dropped->beyond;
	if (lost)
		reach_build_give_up(b, "%llu spans of the heap could not be read",
				    (unsigned long long)lost);
	if (p->graph->unreadable_bytes)
		reach_build_give_up(b, "%llu bytes of the heap could not be read",
				    (unsigned long long)p->graph->unreadable_bytes);
	return 0;
}

static int find_bounds(struct reach_build *b, struct diag *d)
{
	const struct go_span *spans;
	size_t n;
	int r = go_heap_spans(b->src->heap, &spans, &n, d);

	if (r < 0)
		return r;
	b->lo = n ? spans[0].base : 0;
	b->hi = n ? spans[n - 1].base + spans[n - 1].bytes : 0;
	for (size_t i = 0; i < n; i++)
		if (spans[i].state == GO_SPAN_IN_USE && !spans[i].noscan)
			b->pass->scanned_bytes += spans[i].bytes;
	return 0;
}

/* Everything that is not the heap itself: before it is read and, while the target runs, behind it. */
static int build(struct reach_build *b, struct diag *d)
{
	bool again = !b->src->stopped;
	int r = find_bounds(b, d);

	if (r == 0)
		r = reach_stacks_scan(b, d);
	if (r == 0)
		r = reach_roots_add(b, d);
	if (r == 0)
		r = build_graph(b, d);
	if (r == 0 && again)
		r = reach_roots_add_late(b, d);
	if (r == 0 && again)
		r = reach_roots_add(b, d);
	if (r == 0 && again)
		r = reach_stacks_again(b, d);
	b->pass->bytes = build_bytes(b) + (b->pass->graph ? b->pass->graph->bytes : 0);
	if (r == -E2BIG)
		reach_build_give_up(b, "the heap is too large to look at with %llu MiB of memory",
				    (unsigned long long)(b->max_bytes >> 20));
	else if (r < 0 && r != -ESRCH && r != -EPERM && r != -ENOMEM)
		reach_build_give_up(b, "%s", *d->why ? d->why : "the process could not be read");
	else if (r < 0)
		return r;
	return 0;
}

static int by_goid(const void *a, const void *b)
{
	const struct reach_parked *x = a, *y = b;

	return x->goid < y->goid ? -1 : x->goid > y->goid;
}

int reach_pass_take(const struct reach_source *src, struct reach_pass **ret, struct diag *d)
{
	CLEANUP(reach_pass_free_p) struct reach_pass *p = calloc(1, sizeof(*p));
	CLEANUP(build_done) struct reach_build b = {
		.src = src, .pass = p,
		.max_bytes = src->max_bytes ? src->max_bytes : LIMIT_GRAPH_BYTES,
	};
	struct diag why = DIAG_INIT;
	int r = p ? build(&b, &why) : -ENOMEM;

	if (r == 0 && !*b.why_not)
		r = judge(&b);
	if (r < 0) {
		if (d)
			*d = why;
		return r;
	}
	answer(&b, !*b.why_not);
	if (*b.why_not)
		p->why_not = arena_strdup(src->arena, b.why_not);
	if (*b.why_not && !p->why_not)
		return -ENOMEM;
	if (p->n_parked)
		qsort(p->parked, p->n_parked, sizeof(*p->parked), by_goid);
	*ret = TAKE(p);
	return 0;
}
