/* SPDX-License-Identifier: Apache-2.0 */
/* Internal to object_graph.c: spans are read in batches, and their pointers become edges. */
#pragma once

#include "goruntime/object_graph.h"
#include "goruntime/page_map.h"
#include "goruntime/pointers.h"

/* A span with its objects' numbers. 32 bytes: each pointer of the heap looks at one. */
struct object_span {
	uint64_t base;
	uint64_t elem_size;
	uint32_t first, n;	/* nodes */
	uint32_t magic;		/* offset * magic >> 32 is the element; 0: divide */
	uint32_t pad;
};

/* Spans of size classes are up to 80 KiB; beyond, the product might be one too many. */
#define MAGIC_BYTES (128u << 10)

static inline uint32_t object_span_find(const struct object_span *s, uint64_t addr)
{
	uint64_t off = addr - s->base;
	uint64_t i = s->magic ? off * s->magic >> 32 : s->n == 1 ? 0 : off / s->elem_size;

	return i < s->n && off < s->n * s->elem_size ? s->first + (uint32_t)i : EDGES_NO_NODE;
}

/* Reads the spans that hold pointers and fills g->to and g->first. */
int object_scan(struct go_runtime *rt, const struct object_graph_source *src,
		struct object_graph *g, struct diag *d);
