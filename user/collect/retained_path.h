/* SPDX-License-Identifier: Apache-2.0 */
/* The way from a root to the most of what it holds, in a Go programmer's words. */
#pragma once

#include "analysis/retain.h"
#include "base/arena.h"
#include "goruntime/object_graph.h"
#include "goruntime/type_walk.h"

struct retained_root {
	uint32_t number;		/* among the roots of `retain` */
	const char *name;
	uint64_t bytes;			/* that it reaches first */
	uint64_t addr, size;		/* of the variable; 0: it is none, or nobody knows */
	struct typed type;		/* of the variable's value: TYPED_VALUE, or unknown */
	const char *type_name;		/* the same in words, "[]func() int"; NULL unknown */
};

/*
 * "main.cache -> map -> []uint8", or NULL when nothing is known of it but its name. In the arena.
 * Reads the objects on the way, and no others.
 */
const char *retained_path(struct go_runtime *rt, const struct object_graph *g,
			  const struct retain *retain, const struct retained_root *root,
			  struct arena *a);
