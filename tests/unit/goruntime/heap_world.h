/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Go 1.27 heap in an array: one arena, two chunks of pages, some spans of each kind, and what the
 * runtime keeps about them. Unit tests look at it as it is or with a few words changed; the fuzz
 * target changes any.
 */
#pragma once

#include <stdint.h>

#include "goruntime/goruntime.h"
#include "goruntime/heap_state.h"

#define HW_HEAP 0xc000000000ull		/* the first byte of the arena, and of the first chunk */
#define HW_PAGE 8192ull
#define HW_SMALL 24			/* spans of class 5, a page each, from the first page on */
#define HW_CLASS 5
#define HW_ELEM 48
#define HW_LARGE HW_SMALL		/* their index in allspans: an object of 8 pages */
#define HW_MANUAL (HW_SMALL + 1)	/* 4 pages */
#define HW_DEAD (HW_SMALL + 2)
#define HW_SPANS (HW_SMALL + 3)
/* Pages: spans, then free, then given back from page 64 on, up to the end of the second chunk. */
#define HW_USED_PAGES (HW_SMALL + 8 + 4)
#define HW_SCAVENGED_PAGE 64
#define HW_CHUNKS 2

/* Where things stand. */
#define HW_MHEAP 0x600000ull
#define HW_MEMSTATS 0x620000ull
#define HW_CONTROLLER 0x630000ull
#define HW_CHUNKS_HEAD 0x631000ull	/* persistentChunks */
#define HW_GC_BITS_HEAD 0x631100ull	/* gcBitsArenas */
#define HW_PROFILE_HEAD 0x631180ull	/* buckhash */
#define HW_ALLSPANS 0x7f0000000000ull
#define HW_PERSISTENT 0x7f0000100000ull	/* of 256 KiB; mspans from its second page on */
#define HW_ARENA_INDEX 0x7e0000000000ull	/* mheap_.arenas[0] */
#define HW_ARENA 0x7d0000000000ull	/* the heapArena */
#define HW_CHUNK_BITS 0x7b0000000000ull	/* pageAlloc.chunks[i] */
#define HW_GC_BITS 0x7c0000000000ull
#define HW_LISTS 0x7a0000000000ull	/* in-use ranges, list of arenas */
#define HW_SUMMARY 0x790000000000ull
#define HW_PROFILE 0x780000000000ull

struct heap_world {
	struct go_heap_layout l;
	uint8_t mheap[96 << 10], memstats[16 << 10], controller[1024], heads[512];
	uint64_t allspans[512];	/* the list says 64 */
	uint8_t persistent[16 << 10];
	uint64_t arena_index[64];	/* from that of the arena on */
	uint8_t arena[72 << 10];
	uint64_t chunk_bits[64 * 16];
	uint64_t gc_bits[512];
	uint64_t lists[64];

	struct mem *mem;
	struct arena *pool;
	struct go_runtime rt;
	struct heap_globals at;
	struct go_heap *heap;
};

/* Writes the bytes. */
void heap_world_build(struct heap_world *w);
/* Opens the heap over the bytes as they are now; as heap_open_at(). */
int heap_world_open(struct heap_world *w, struct diag *d);
void heap_world_close(struct heap_world *w);

/* Changes a word (or len bytes) of one mspan, by the layout's offset. */
void heap_world_span(struct heap_world *w, int span, int32_t off, uint64_t v, size_t len);
/* A word of one of the structs. */
void heap_world_mheap(struct heap_world *w, int32_t off, uint64_t v);
void heap_world_memstats(struct heap_world *w, int32_t off, uint64_t v);
void heap_world_controller(struct heap_world *w, int32_t off, uint64_t v);
/* What the arena says holds a page. */
void heap_world_owner(struct heap_world *w, uint64_t page, int span);
/* The address of an mspan. */
uint64_t heap_world_addr(const struct heap_world *w, int span);

/* The bytes that are worth changing: the i-th piece, or NULL after the last. */
uint8_t *heap_world_piece(struct heap_world *w, size_t i, size_t *len);
