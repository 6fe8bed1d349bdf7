/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Does memory look like goroutines? What tells runtime.allgs from any other three words when there
 * is no symbol, and a first test of a layout.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/mem.h"
#include "goruntime/layout.h"

/* A Go slice of pointers, as it stands in memory. */
struct gslice {
	uint64_t array, len, cap;
};

/* The runtime's flag in g.atomicstatus while the garbage collector holds the stack. */
#define GSCAN 0x1000u

/* Can these be the three words of a slice of at least one and not too many pointers? */
bool gslice_plausible(const struct gslice *s);

/*
 * Does it hold goroutines? 1: a spread sample has at least three in use, as every process has, and
 * no more than a few of the others (a running target changes them as we read) look like anything
 * else. 0: no. Or the errno
 * of reading when that is not -EFAULT.
 */
int gslice_holds_goroutines(const struct go_layout *l, struct mem *m, const struct gslice *s);

/*
 * Searches [start, end) for slices that hold goroutines. Their number, with their addresses; it
 * stops at two. -EBADMSG when too much there looks like slices; -ENOMEM; the errno of reading when
 * that is not -EFAULT.
 */
int gslice_search(const struct go_layout *l, struct mem *m, uint64_t start, uint64_t end,
		  uint64_t ret[2]);
