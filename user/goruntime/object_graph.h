/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The objects of a Go heap and who points to whom, by the collector's own masks. One pass over the
 * spans that hold pointers, in large reads; what was read is not kept, only the edges are. While
 * the target runs, an edge may be as old as the pass.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/diag.h"
#include "goruntime/goruntime.h"
#include "goruntime/heap.h"
#include "model/edges.h"

struct object_graph_source {
	const struct go_span *spans;	/* as go_heap_spans() has them; outlives it */
	size_t n_spans;
	uint64_t arenas;		/* mheap_.arenas[0], a table by arena; only up to Go 1.21 */
	struct go_heap *heap;		/* of the spans; NULL: free slots are not told from objects */
	uint64_t max_bytes;		/* of our memory */
	bool last;			/* nobody reads the objects after this: mem_forget() */
};

struct object_graph {
	struct edges edges;
	uint64_t n_edges;
	uint64_t allocated_bytes;	/* of elements that are allocated or not yet swept */
	uint64_t unreadable_bytes;	/* of spans: as if they pointed to nothing */
	uint64_t untyped_objects;	/* without a type that we could read: taken word by word */
	uint64_t bytes;			/* of our memory */
	/* The rest is its own. */
	struct object_span *spans;
	size_t n_spans;
	const struct go_span *source;
	struct page_map *pages;
	struct type_masks *types;
	uint32_t *first, *to;
	uint64_t n_first, room;	/* of these two */
	struct node_run *runs;
	uint32_t *run_spans;	/* by run: index of its span */
	uint64_t *closed;
	bool inline_marks;
};

/*
 * -E2BIG: it would take more than max_bytes, the diag says how much there is of it. -ENOMEM; -ESRCH,
 * -EPERM; -EBADMSG: no span fits its own numbers.
 */
int object_graph_build(struct go_runtime *rt, const struct object_graph_source *src,
		       struct object_graph **ret, struct diag *d);
/* The same of an opened heap, which outlives it; `last` as above. Errors of go_heap_spans() too. */
int object_graph_of_heap(struct go_heap *h, uint64_t max_bytes, bool last,
			 struct object_graph **ret, struct diag *d);
void object_graph_free(struct object_graph *g);
DEFINE_CLEANUP(struct object_graph, object_graph_free)

/* The object that addr points into, its last byte included; EDGES_NO_NODE none. */
uint32_t object_graph_find(const struct object_graph *g, uint64_t addr);
/* Makes the object a closed node (model/edges.h). Not of the heap: nothing happens. -ENOMEM. */
int object_graph_close(struct object_graph *g, uint64_t addr);

struct graph_object {
	uint64_t addr, bytes;
	const struct go_span *span;
};
/* node < edges.n_nodes. */
struct graph_object object_graph_object(const struct object_graph *g, uint32_t node);
/*
 * The type of an object that carries it (Go 1.22 and on, over 512 bytes, with pointers): of its
 * elements when it is an array. 0 unknown.
 */
uint64_t object_graph_type(const struct object_graph *g, struct go_runtime *rt, uint32_t node);
/*
 * May the word at addr be a pointer? False where the object there carries its type, and that says it
 * is a number. `rt` is asked what type it is now.
 */
bool object_graph_may_point(const struct object_graph *g, struct go_runtime *rt, uint64_t addr);
