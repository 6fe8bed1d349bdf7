/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A glibc heap made by hand, in arrays: the C library's data with main_arena and mp_, the break,
 * one heap of a thread's arena, and memory for chunks with mappings of their own. Tests break it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "native/c_heap.h"
#include "target/maps.h"

enum { FORGED_DATA = 16384, FORGED_HEAP = 256 * 1024, FORGED_ANON = 64 * 1024 };

#define FORGED_DATA_AT 0x7f1000100000ull
#define FORGED_MAIN (FORGED_DATA_AT + 0xc60)
#define FORGED_PARAMS (FORGED_DATA_AT + 0x340)
#define FORGED_BREAK_AT 0x555500000000ull
#define FORGED_THREAD_AT 0x7f0008000000ull
#define FORGED_ANON_AT 0x7f2000000000ull

struct forged_part {
	uint64_t arena, at;	/* of its memory */
	uint8_t *bytes;
	uint64_t next;		/* where the next chunk goes */
	uint64_t last_free;	/* bytes of the chunk before, when it is free; else 0 */
};

struct forged_heap {
	bool since_235;
	uint8_t data[FORGED_DATA], brk[FORGED_HEAP], thread[FORGED_HEAP], anon[FORGED_ANON];
	struct forged_part main, other;
	/* As mallinfo() would say; of both arenas. */
	uint64_t used, free, fastbin, top;
};

/* With arenas that have only a top, and a break of FORGED_HEAP. malloc'ed. */
struct forged_heap *forged_heap_new(bool since_235);

/* Chunks are made one behind the other; the address of the chunk. */
uint64_t forged_used(struct forged_heap *h, struct forged_part *p, uint64_t size);
/* In the unsorted bin. */
uint64_t forged_free(struct forged_heap *h, struct forged_part *p, uint64_t size);
/* In the fastbin of its size. */
uint64_t forged_fast(struct forged_heap *h, struct forged_part *p, uint64_t size);
/* A tcache that has `count` chunks in the bin of that used chunk. */
uint64_t forged_tcache(struct forged_heap *h, struct forged_part *p, uint64_t chunk,
		       uint16_t count);
/* Writes the tops. */
void forged_finish(struct forged_heap *h);

/* A word anywhere in it. */
uint64_t forged_word(struct forged_heap *h, uint64_t addr);
void forged_set(struct forged_heap *h, uint64_t addr, uint64_t value);
/* Bytes of any part; NULL outside of all. */
uint8_t *forged_bytes(struct forged_heap *h, uint64_t addr, size_t len);

/* The address space, and its mappings with this name for the C library. */
struct mem *forged_mem(struct forged_heap *h);
struct maps *forged_maps(const char *library);
