/* SPDX-License-Identifier: Apache-2.0 */
/* What the heap hangs on: roots, and the objects that they point to. Internal to retention.c. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analysis/retain.h"
#include "base/arena.h"
#include "base/diag.h"
#include "collect/grouping.h"
#include "collect/retention.h"
#include "goruntime/object_graph.h"
#include "image/variables.h"

/* The order in which roots claim objects: see retainer_kind. */
enum { RANK_VARIABLE, RANK_GOROUTINES, RANK_RUNTIME };

struct heap_root {
	enum retainer_kind kind;
	const char *name;		/* of what is neither a variable nor goroutines; else NULL */
	const struct variable_symbol *symbol;	/* of a variable; NULL without symbols */
	uint64_t addr;			/* of a variable: its first word that is a pointer */
	uint32_t site;			/* of goroutines: index in `sites` */
};

struct heap_roots {
	struct heap_root *all;		/* by number */
	struct retain_root *ranks;	/* the same, for analysis/retain */
	uint32_t n, room;
	struct root_edge *seeds;
	size_t n_seeds, seeds_room;
	struct variables *variables;	/* NULL: no symbols */
	struct grouping sites;		/* of goroutines, labels left aside */
	bool conservative;
	uint64_t max_seeds;
};

int heap_roots_init(struct heap_roots *r, struct arena *a, uint64_t max_seeds);
void heap_roots_done(struct heap_roots *r);

/* The number of a new root; the last one, when there are LIMIT_ROOTS. -ENOMEM. */
int heap_roots_add(struct heap_roots *r, const struct heap_root *root, uint32_t *ret);
/* The root points to the object at addr, if there is one. -ENOMEM; -E2BIG. */
int heap_roots_point(struct heap_roots *r, const struct object_graph *g, uint32_t root,
		     uint64_t addr);

/* The module's variables that hold pointers. */
int heap_roots_add_variables(struct heap_roots *r, const struct retention_source *src,
			     const struct object_graph *g, struct diag *d);
/* The stacks of all goroutines and their records, which become closed nodes of the graph. */
int heap_roots_add_goroutines(struct heap_roots *r, const struct retention_source *src,
			      struct object_graph *g, struct diag *d);
/*
 * What the runtime keeps besides: objects with finalizers, and the functions of finalizers and
 * cleanups. What of it cannot be read or found is left out.
 */
int heap_roots_add_runtime(struct heap_roots *r, const struct retention_source *src,
			   const struct object_graph *g, struct diag *d);
