/* SPDX-License-Identifier: Apache-2.0 */
/* Sums of one arena, from its chunks in ascending order. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "model/c_memory.h"
#include "native/c_ranges.h"

struct glibc_tally {
	struct c_arena *sum;
	struct c_ranges *out;
	uint64_t free_start, free_end;	/* free chunks that touch; 0: none open */
	bool failed;			/* memory was short */
};

/* Memory in use, one chunk or many. */
void glibc_tally_used(struct glibc_tally *t, uint64_t start, uint64_t end);
void glibc_tally_free(struct glibc_tally *t, uint64_t start, uint64_t end, bool fastbin);
void glibc_tally_unknown(struct glibc_tally *t, uint64_t start, uint64_t end);
/* The chunk that ends the arena: malloc_trim() cuts the main one's. */
void glibc_tally_top(struct glibc_tally *t, uint64_t start, uint64_t end);
/* Ends a piece of memory. -ENOMEM when anything since the start found none. */
int glibc_tally_end(struct glibc_tally *t);
