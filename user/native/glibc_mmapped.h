/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chunks that glibc gave mappings of their own: a header with IS_MMAPPED at the start of a page.
 * The kernel joins neighbouring mappings, so that one may stand behind another, or behind something
 * else; malloc's own sums say when all have been found.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "native/c_heap.h"
#include "native/c_ranges.h"
#include "native/glibc_arena.h"

struct glibc_mmapped {
	uint64_t bytes, chunks;		/* found */
	uint64_t reads, pages;		/* what it cost */
};

/*
 * Looks at resident pages alone: each() calls visit with runs of those of [start, end), and ends with
 * what it returns below 0.
 */
struct glibc_pages {
	int (*each)(void *arg, uint64_t start, uint64_t end,
		    int (*visit)(void *walk, uint64_t start, uint64_t end), void *walk);
	void *arg;
};

/*
 * Adds the chunks' mappings to out. busy: ascending, memory of arenas and of others, where none is
 * looked for. resident NULL: only the starts of mappings are looked at, resident or not. When more
 * is found than `expected` says, nothing is added and ret->bytes is 0: some of it is not malloc's.
 * 0; -ESRCH, -EPERM, -ENOMEM.
 */
int glibc_mmapped_find(const struct glibc_source *s, const struct glibc_params *expected,
		       const struct c_range *busy, size_t n_busy,
		       const struct glibc_pages *resident, struct c_ranges *out,
		       struct glibc_mmapped *ret);
