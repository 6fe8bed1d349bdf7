/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which root holds how much of a graph of objects. Linear in nodes and edges, and without recursion:
 * lists of a million elements are common.
 *
 * An object is counted to the root that reaches it first: breadth first from all roots of one rank
 * at once, so to the one with the fewest steps to it, and to a root of the next rank only where no
 * root before reaches. It is exclusive to a root when no other reaches it at all: that root is its
 * dominator, and without it the object would be garbage.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "model/edges.h"

struct retain_root {
	uint32_t rank;		/* smaller ones first; below RETAIN_RANKS */
	/* Out: */
	uint64_t bytes, objects;
	uint64_t exclusive_bytes, exclusive_objects;
};
#define RETAIN_RANKS 8
#define RETAIN_MAX_ROOTS 0x7ffffffeu

struct retain_totals {
	uint64_t live_bytes, live_objects;
	uint64_t shared_bytes;
	uint64_t unreached_bytes;
};

/* Who reaches what, kept for the ways: 20 bytes a node. */
struct retain;

/*
 * Fills the out fields of the roots. e, roots and seeds are borrowed, e as long as *ret lives.
 * Seeds of nodes that do not exist are passed over. With `ways` false *ret keeps nothing that
 * retain_way() could use, and 12 bytes a node are saved. -ENOMEM; -EINVAL a rank or root beyond.
 */
int retain_run(const struct edges *e, struct retain_root *roots, size_t n_roots,
	       const struct root_edge *seeds, size_t n_seeds, bool ways, struct retain_totals *totals,
	       struct retain **ret);
void retain_free(struct retain *r);
DEFINE_CLEANUP(struct retain, retain_free)

/* Bytes that retain_run() takes for a graph of that many nodes. */
uint64_t retain_cost(uint64_t nodes, bool ways);

/* One step of the way to the most of what a root holds. */
struct retain_step {
	uint32_t node;
	uint64_t bytes;		/* reached first through this node, itself included */
	/* Nodes that the step before (or the root) has at this place, this one the heaviest. */
	uint64_t siblings, siblings_bytes;
};

/*
 * The way from a root along the heaviest object each time. At most `max` steps; the number. 0 for a
 * root that reaches nothing first, or without `ways`.
 */
size_t retain_way(const struct retain *r, uint32_t root, struct retain_step *steps, size_t max);

/* The root that reaches a node first; UINT32_MAX none. *shared: others reach it too. */
uint32_t retain_owner(const struct retain *r, uint32_t node, bool *shared);
