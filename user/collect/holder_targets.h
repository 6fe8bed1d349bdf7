/* SPDX-License-Identifier: Apache-2.0 */
/* The objects whose holders are looked for, and which of them were found held. Of holders.c. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "collect/holders.h"
#include "goruntime/page_map.h"

struct target {
	uint64_t addr, bytes;
	uint32_t node;		/* of the pass's graph */
	bool held;
	bool wait;		/* somebody waits for it: it is there as long as he is */
};

/* A target points to another, as a search saw it. */
struct target_edge {
	uint32_t from, to;
};

struct targets {
	const struct object_graph *graph;
	const uint64_t *reached;	/* by the pass */
	struct target *all;	/* ascending by addr */
	uint32_t n;
	uint64_t lo, hi;	/* of all of them */
	uint64_t *nodes;	/* a bit a node of the graph: is it one */
	struct page_map *pages;	/* page -> first target that lies on it, plus 1 */
	struct target_edge *edges;
	size_t n_edges, edges_room;
	uint64_t max_bytes;
};

/* What the wanted wait on, and all that leads there. Errors of holders_search(). */
int targets_init(struct targets *t, const struct holders_source *src);
void targets_done(struct targets *t);

#define TARGET_NONE UINT32_MAX
/* The target that addr points into, its last byte included. */
uint32_t targets_find(const struct targets *t, uint64_t addr);

/* One target points to another. -ENOMEM; -E2BIG: no room to remember it. */
int targets_link(struct targets *t, uint32_t from, uint32_t to);
/* What held ones lead to is held. -ENOMEM. */
int targets_spread(struct targets *t);
