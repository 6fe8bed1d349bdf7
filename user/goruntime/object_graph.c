// SPDX-License-Identifier: Apache-2.0
#include "goruntime/object_graph.h"

#include <errno.h>
#include <stdlib.h>

#include "base/bulk.h"
#include "goruntime/object_scan.h"

/* What an object of the heap is at least: size class 1. */
#define MIN_OBJECT 8

void object_graph_free(struct object_graph *g)
{
	if (!g)
		return;
	bulk_free(g->spans, (g->n_spans + 1) * sizeof(*g->spans));
	page_map_free(g->pages);
	type_masks_free(g->types);
	bulk_free(g->first, (g->n_first + 1) * sizeof(*g->first));
	bulk_free(g->to, g->room * sizeof(*g->to));
	free(g->runs);
	free(g->run_spans);
	free(g->closed);
	free(g);
}

/* How many objects a span holds; 0 for one that makes no sense. */
static uint32_t count_objects(const struct go_span *s)
{
	uint64_t fit;

	if (s->state != GO_SPAN_IN_USE || s->elem_size < MIN_OBJECT || s->elem_size % 8 ||
	    s->base % 8 || s->base >> 47 || s->bytes > 1ull << 46)
		return 0;
	fit = s->bytes / s->elem_size;
	return s->n_elems < fit ? s->n_elems : (uint32_t)fit;
}

static int too_large(uint64_t bytes, uint64_t objects, const struct object_graph_source *src,
		     struct diag *d)
{
	return diag_fail(d, -E2BIG,
			 "the heap has %llu objects: to look at them would take more than "
			 "%llu MiB of memory",
			 (unsigned long long)objects,
			 (unsigned long long)((bytes < src->max_bytes ? bytes : src->max_bytes) >> 20));
}

static void add_span(struct object_graph *g, const struct object_graph_source *src, size_t at,
		     uint32_t *node)
{
	const struct go_span *s = &src->spans[at];
	struct object_span *o = &g->spans[at];
	uint32_t n = count_objects(s);

	*o = (struct object_span){
		.base = s->base, .elem_size = s->elem_size, .first = *node, .n = n,
	};
	if (!n)
		return;
	if (n > 1 && s->bytes <= MAGIC_BYTES)
		o->magic = (uint32_t)((1ull << 32) / s->elem_size +
				      ((1ull << 32) % s->elem_size != 0));
	g->run_spans[g->edges.n_runs] = (uint32_t)at;
	g->runs[g->edges.n_runs++] = (struct node_run){ s->elem_size, *node, n };
	g->allocated_bytes += s->elem_size * (s->alloc_count < n ? s->alloc_count : n);
	*node += n;
}

/* Numbers the objects, those of spans with pointers first. */
static int number(struct object_graph *g, const struct object_graph_source *src, struct diag *d)
{
	uint64_t nodes = 0, inner = 0;
	uint32_t node = 0;

	for (size_t i = 0; i < src->n_spans; i++) {
		nodes += count_objects(&src->spans[i]);
		inner += src->spans[i].noscan ? 0 : count_objects(&src->spans[i]);
	}
	g->bytes = src->n_spans * (sizeof(*g->spans) + sizeof(*g->runs) + 4) + inner * 4 + nodes / 8;
	if (nodes > EDGES_MAX_NODES || src->n_spans > UINT32_MAX - 1 || g->bytes > src->max_bytes)
		return too_large(g->bytes, nodes, src, d);
	g->n_spans = src->n_spans;
	g->n_first = inner;
	g->spans = bulk_alloc((g->n_spans + 1) * sizeof(*g->spans));
	g->runs = calloc(src->n_spans + 1, sizeof(*g->runs));
	g->run_spans = calloc(src->n_spans + 1, sizeof(*g->run_spans));
	g->first = bulk_alloc((g->n_first + 1) * sizeof(*g->first));
	if (!g->spans || !g->runs || !g->run_spans || !g->first)
		return -ENOMEM;
	g->source = src->spans;
	for (int noscan = 0; noscan < 2; noscan++) {
		for (size_t i = 0; i < src->n_spans; i++)
			if (src->spans[i].noscan == (bool)noscan)
				add_span(g, src, i, &node);
		if (!noscan)
			g->edges.n_inner = node;
	}
	g->edges.n_nodes = node;
	g->edges.runs = g->runs;
	return 0;
}

static int map_pages(struct object_graph *g, const struct object_graph_source *src, struct diag *d)
{
	const uint64_t block = ARENA_PAGES * sizeof(uint32_t);
	size_t max_blocks = (size_t)((src->max_bytes - g->bytes) / block);

	g->pages = page_map_new();
	if (!g->pages)
		return -ENOMEM;
	for (size_t i = 0; i < src->n_spans; i++) {
		const struct go_span *s = &src->spans[i];
		int r;

		if (!g->spans[i].n)
			continue;
		r = page_map_put(g->pages, s->base, s->base + s->bytes, (uint32_t)i + 1, max_blocks);
		if (r == -E2BIG)
			return too_large(src->max_bytes, g->edges.n_nodes, src, d);
		if (r < 0)
			return r;
	}
	g->bytes += g->pages->n_blocks * block;
	return 0;
}

int object_graph_build(struct go_runtime *rt, const struct object_graph_source *src,
		       struct object_graph **ret, struct diag *d)
{
	CLEANUP(object_graph_free_p) struct object_graph *g = calloc(1, sizeof(*g));
	int r;

	if (!g)
		return -ENOMEM;
	r = type_masks_open(rt, &g->types);
	if (r == 0)
		r = number(g, src, d);
	if (r == 0)
		r = map_pages(g, src, d);
	if (r == 0)
		r = object_scan(rt, src, g, d);
	if (r < 0)
		return r;
	g->edges.first = g->first;
	g->edges.to = g->to;
	*ret = TAKE(g);
	return 0;
}

uint32_t object_graph_find(const struct object_graph *g, uint64_t addr)
{
	uint32_t at = page_map_get(g->pages, addr);

	return at ? object_span_find(&g->spans[at - 1], addr) : EDGES_NO_NODE;
}

int object_graph_close(struct object_graph *g, uint64_t addr)
{
	uint32_t node = object_graph_find(g, addr);

	if (node == EDGES_NO_NODE)
		return 0;
	if (!g->closed) {
		g->closed = calloc(g->edges.n_nodes / 64 + 1, sizeof(*g->closed));
		if (!g->closed)
			return -ENOMEM;
		g->edges.closed = g->closed;
	}
	g->closed[node / 64] |= 1ull << node % 64;
	return 0;
}

/* By the runs, which are in the order of nodes. */
static const struct object_span *span_of_node(const struct object_graph *g, uint32_t node)
{
	uint32_t lo = 0, hi = g->edges.n_runs;

	while (hi - lo > 1) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (g->runs[mid].first <= node)
			lo = mid;
		else
			hi = mid;
	}
	return &g->spans[g->run_spans[lo]];
}

struct graph_object object_graph_object(const struct object_graph *g, uint32_t node)
{
	const struct object_span *s = span_of_node(g, node);

	return (struct graph_object){
		.addr = s->base + s->elem_size * (node - s->first),
		.bytes = s->elem_size,
		.span = &g->source[s - g->spans],
	};
}

uint64_t object_graph_type(const struct object_graph *g, struct go_runtime *rt, uint32_t node)
{
	struct graph_object o = object_graph_object(g, node);
	uint64_t type = 0;

	if (o.span->noscan || pointers_form(rt->minor) != POINTERS_TYPES || o.bytes <= SMALL_OBJECT)
		return 0;
	if (o.span->class == 0)
		return o.span->large_type;
	return mem_read_u64(rt->chase, o.addr, &type) < 0 ? 0 : type;
}

bool object_graph_may_point(const struct object_graph *g, struct go_runtime *rt, uint64_t addr)
{
	uint32_t node = object_graph_find(g, addr);
	uint64_t type = node == EDGES_NO_NODE ? 0 : object_graph_type(g, rt, node), mask = 0, head;
	const struct type_mask *t;
	struct graph_object o;

	if (!type)
		return true;
	o = object_graph_object(g, node);
	/* The type stands in front of what shares a span with others. */
	head = o.span->class ? 8 : 0;
	if (addr - o.addr < head)
		return false;
	t = type_masks_get(g->types, type, o.span->elem_size - head);
	if (!t)
		return true;
	pointers_from_type(t, (addr - o.addr - head) / 8, 1, &mask, 0);
	return mask;
}
