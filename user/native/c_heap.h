/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The C heap from outside: which allocator a process uses and, where it is glibc's (2.28 to 2.41),
 * what claims which bytes. No symbols are needed, and the process runs on: a chain that is torn
 * or makes no sense ends in unknown bytes, which are counted.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/mem.h"
#include "model/c_memory.h"

struct maps;
struct process;

enum c_range_kind {
	C_RANGE_USED,		/* chunks in use, tcache and the arenas' own headers among them */
	C_RANGE_FREE,		/* in bins and fastbins */
	C_RANGE_TOP,		/* free at an arena's end */
	C_RANGE_MMAPPED,	/* whole mappings of one chunk each */
	C_RANGE_UNKNOWN,	/* an arena's, but not walked */
};

struct c_range {
	uint64_t start, end;
	uint8_t kind;		/* enum c_range_kind */
};

struct c_heap_source {
	const struct process *process;	/* NULL: a core; then files are not looked into */
	struct mem *mem;
	const struct maps *maps;
	/* Ascending: memory that belongs to others, where no chunk is looked for; may be NULL. */
	const struct c_range *others;
	size_t n_others;
	/* 0: the caps of model/limits.h. */
	uint64_t max_walk_bytes;
	uint32_t max_list_chunks;
};

/*
 * Fills *ret, and *ranges with what claims which bytes: ascending, coalesced, not overlapping;
 * n 0 when nothing is known. What it points to is in the arena. 0 also when the allocator is not
 * one that can be read, and then ret->notes says so. -ESRCH, -EPERM, -ENOMEM.
 */
int c_heap_read(const struct c_heap_source *src, struct arena *a, struct c_memory *ret,
		const struct c_range **ranges, size_t *n, struct diag *d);
