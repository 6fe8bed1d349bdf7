/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects and who points to whom, as plain arrays: what reachability is judged by. goruntime/ makes
 * one of a live heap, tests write theirs down. Nodes are numbered from 0; those that can point to
 * others come first, so that the leaves (half of a heap and more) cost nothing here.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* More nodes than this have no number left; and the number that is none. */
#define EDGES_MAX_NODES 0x7fffffffu
#define EDGES_NO_NODE UINT32_MAX

/* Nodes [first, first + n), all of `each` bytes. */
struct node_run {
	uint64_t each;
	uint32_t first, n;
};

struct edges {
	uint32_t n_nodes;
	uint32_t n_inner;		/* nodes from this one on point to nothing */
	const uint32_t *first;		/* n_inner + 1: node i points to to[first[i] .. first[i + 1]) */
	const uint32_t *to;
	const struct node_run *runs;	/* ascending, covering all nodes */
	uint32_t n_runs;
	/*
	 * A bit a node: entered by roots alone, as if no edge led there. NULL: none. So a goroutine's
	 * own record is held by what runs on it and not by the list of all of them.
	 */
	const uint64_t *closed;
};

/* A root points to a node. */
struct root_edge {
	uint32_t root, node;
};

static inline bool edges_closed(const struct edges *e, uint32_t node)
{
	return e->closed && (e->closed[node / 64] >> (node % 64) & 1);
}
