/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the heap's variables stand, in a binary without symbols: two functions of the runtime for
 * each, whose operands must lie at the layout's distances, must agree where both say something, and
 * so must the symbol. heap_validate.c holds what comes of it against the process.
 */
#pragma once

#include <stdint.h>

#include "base/diag.h"
#include "goruntime/goruntime.h"
#include "goruntime/heap_layout.h"

/* Addresses; 0: not found, or the ways do not agree. */
struct heap_globals {
	uint64_t mheap;		/* runtime.mheap_ */
	uint64_t memstats;	/* runtime.memstats */
	uint64_t controller;	/* runtime.gcController */
	uint64_t chunks;	/* runtime.persistentChunks */
	uint64_t gc_bits;	/* runtime.gcBitsArenas */
	uint64_t profile;	/* runtime.buckhash; by code only while it points to something */
	uint64_t finalizers;	/* runtime.allfin */
	uint64_t cleanups;	/* runtime.gcCleanups, Go 1.25 and on */
	uint64_t threads;	/* runtime.allm */
};

/* runtime.gcBitsArenas: a lock, and so many lists. */
#define GC_BITS_FIRST 8
#define GC_BITS_LISTS 4

/* Ways, of enum locate_ways: LOCATE_SYMBOL and LOCATE_CODE. 0, -ENOMEM or errors of reading. */
int heap_locate(struct go_runtime *rt, const struct go_heap_layout *l, unsigned int ways,
		struct heap_globals *ret);
