/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chunk after chunk through an arena's memory. Where chunks are small it is read in large pieces,
 * where they are large only the pages with their headers: pages that were never touched stay so.
 * The process runs on: each free chunk is confirmed by the one behind it, and what does not fit is
 * read again from some chunks before.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "native/glibc_arena.h"
#include "native/glibc_fastbins.h"
#include "native/glibc_tally.h"

struct glibc_walker;

/* `s` must outlive it; budget: bytes that it may read in all. NULL when memory is short. */
struct glibc_walker *glibc_walker_new(const struct glibc_source *s, uint64_t budget);
void glibc_walker_free(struct glibc_walker *w);
DEFINE_CLEANUP(struct glibc_walker, glibc_walker_free)

/*
 * All of an arena into t; `fast` are its fastbins' chunks as f has followed them, with_tcache says that a tcache has the
 * form that is known. What could not be walked is in t->sum->unknown_bytes, and then t->sum->how is
 * C_ARENA_PARTLY. 0; -ESRCH, -EPERM, -ENOMEM.
 */
int glibc_walk(struct glibc_walker *w, const struct glibc_arena *av, const struct glibc_params *p,
	       const struct glibc_fastbins *f, const struct glibc_fast_set *fast, bool with_tcache,
	       struct glibc_tally *t);

/*
 * Only the beginning of an arena, for the tcaches that stand in it: most threads make theirs before
 * anything else. Adds to *bytes and *found. 0; -ESRCH, -EPERM, -ENOMEM.
 */
int glibc_walk_for_tcaches(struct glibc_walker *w, const struct glibc_arena *av,
			   const struct glibc_params *p, uint64_t *bytes, uint64_t *found);

struct glibc_walk_cost {
	uint64_t bytes, reads;
	uint64_t torn;		/* times that it went back */
	bool over_budget;
};
struct glibc_walk_cost glibc_walk_cost(const struct glibc_walker *w);
