/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which blocked goroutines nothing alive can ever wake: the fixpoint of GOLF (ASPLOS 2025) and of
 * Go 1.26's own detector. What roots reach is alive; a blocked goroutine comes alive when something
 * it waits on is, and then everything on its stack is. Who is left is dead, with all that
 * only the dead reach. Linear in nodes and edges, no recursion, no allocation a goroutine.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/edges.h"

/*
 * A blocked goroutine. Its nodes stand in reach_graph.nodes from `first` on: those that it waits
 * on, then its own records (g, sudogs), then those that its stack points to.
 */
struct reach_blocked {
	uint64_t first;
	uint32_t n_waits, n_records, n_stack;
	uint32_t site;		/* below reach_graph.n_sites */
	bool alive;		/* in: whatever it waits on; out */
	/*
	 * Nothing it could wait on wakes it: dead with n_waits 0. Otherwise no wait node, or one
	 * that is EDGES_NO_NODE (outside of the heap), is alive.
	 */
	bool forever;
};

struct reach_graph {
	const struct edges *edges;
	const uint32_t *nodes;	/* of the blocked; EDGES_NO_NODE leads nowhere */
	size_t n_nodes;
	const uint32_t *seeds;	/* nodes that are alive; closed ones too */
	size_t n_seeds;
	const uint32_t *records;	/* more of them */
	size_t n_records;
	struct reach_blocked *blocked;
	uint32_t n_blocked;
	uint32_t n_sites;
};

struct reach_totals {
	uint64_t dead;		/* goroutines */
	uint64_t live_bytes;
	uint64_t dead_bytes;	/* of heap that the dead alone hold, without their own records */
};

/*
 * Sets `alive` of every blocked goroutine, and the bytes that each site's dead ones alone hold, a
 * byte to the first site that reaches it. `site_bytes` has n_sites. *live, if not NULL, gets a bit
 * a node, to be freed by the caller. -ENOMEM; -EINVAL a range or a site beyond what there is.
 */
int reach_run(struct reach_graph *g, uint64_t *site_bytes, struct reach_totals *totals,
	      uint64_t **live);
