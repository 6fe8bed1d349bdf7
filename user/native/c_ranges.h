/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collects what claims which bytes, coalesced. When there are too many pieces to keep, each page
 * that is mixed keeps its sums alone: one piece of each kind, as many bytes, in another place.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "native/c_heap.h"

enum { C_RANGE_KINDS = C_RANGE_UNKNOWN + 1 };

/* The page that is being summed. */
struct c_page {
	uint64_t at, start, end;	/* what of it is covered */
	uint64_t bytes[C_RANGE_KINDS];
};

/* Where it stands: to go back to, after a walk that went wrong. */
struct c_ranges_mark {
	size_t n, run;
	struct c_range last;
	struct c_page page;
	uint64_t lost;
	bool by_page;
};

struct c_ranges;

/* limit: pieces that are kept; 0: the one of model/limits.h. NULL when memory is short. */
struct c_ranges *c_ranges_new(size_t limit);
void c_ranges_free(struct c_ranges *r);
DEFINE_CLEANUP(struct c_ranges, c_ranges_free)

/*
 * Adds [start, end). Within one c_ranges_flush() to the next they must ascend: one that does not is
 * left out. -ENOMEM.
 */
int c_ranges_add(struct c_ranges *r, uint64_t start, uint64_t end, enum c_range_kind kind);
/* Ends a run of ascending ranges. -ENOMEM. */
int c_ranges_flush(struct c_ranges *r);

struct c_ranges_mark c_ranges_mark(const struct c_ranges *r);
/*
 * To a mark that was made since the last time that it went back. False: the pieces were summed by
 * page since, and what was added cannot be taken back.
 */
bool c_ranges_back(struct c_ranges *r, const struct c_ranges_mark *m);

/* Bytes that found no place. */
uint64_t c_ranges_lost(const struct c_ranges *r);
bool c_ranges_by_page(const struct c_ranges *r);

/* All of them into the arena: sorted; where two overlap, the first one stands. -ENOMEM. */
int c_ranges_take(struct c_ranges *r, struct arena *a, const struct c_range **ret, size_t *n);
