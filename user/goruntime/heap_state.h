/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the heap share. Addresses and sizes: runtime/malloc.go, linux/amd64. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "goruntime/heap.h"
#include "goruntime/heap_layout.h"
#include "goruntime/heap_locate.h"

#define GO_PAGE_SHIFT 13
#define GO_PAGE (1ull << GO_PAGE_SHIFT)
/* A chunk of the page allocator: 512 pages, two bits each (runtime/mpagealloc.go). */
#define GO_CHUNK_SHIFT 22
#define GO_CHUNK_PAGES 512u
#define GO_CHUNK_BYTES 128u
/* pageAlloc.chunks: two levels of 2^13. */
#define GO_CHUNKS_L2_BITS 13
#define GO_ARENA_SHIFT 26
/* Addresses are signed on amd64: arenaBaseOffset; indexes count from the lowest. */
#define GO_ARENA_BASE 0xffff800000000000ull
/* What a user process has: 47 bits. */
#define GO_ADDRESS_END (1ull << 47)
/* mheap_.arenas[0]: a pointer for each arena of 48 bits. */
#define GO_ARENAS (1ull << (48 - GO_ARENA_SHIFT))

struct heap_ranges {
	struct go_range *all;
	size_t n, room;
};

/* runtime.heapStatsDelta, summed over its three generations. */
struct heap_delta {
	uint64_t committed, released, in_heap, in_stacks, in_work_bufs, in_scalar_bits;
	uint64_t tiny_allocs, large_alloc, large_allocs, large_free, large_frees;
	uint64_t small_allocs[GO_SIZE_CLASSES], small_frees[GO_SIZE_CLASSES];
};

struct go_heap {
	struct go_runtime *rt;
	struct arena *arena;
	struct go_heap_layout layout;
	struct heap_globals at;
	uint64_t arenas;	/* mheap_.arenas[0] */
	struct go_heap_dropped dropped;

	struct heap_delta delta;	/* as it was before the spans were read */
	bool delta_known;
	struct go_span *spans;	/* NULL: not read yet */
	size_t n_spans;
	struct go_range *ranges;	/* NULL: not read yet */
	size_t n_ranges;
};

/* The table's layout of the release, or the binary's own. -EOPNOTSUPP neither is there; -ENOMEM. */
int heap_layout_find(const struct go_runtime *rt, struct go_heap_layout *ret, struct diag *d);

/* A Go slice as it stands in memory. */
struct heap_slice {
	uint64_t array, len, cap;
};

/* Reads a slice: -EBADMSG when its three words cannot be one. */
int heap_slice_read(struct mem *m, uint64_t at, struct heap_slice *ret);

/* One mspan out of its bytes. */
enum heap_span_kind { HEAP_SPAN_OK, HEAP_SPAN_DEAD, HEAP_SPAN_ABSURD };
enum heap_span_kind heap_span_parse(const struct go_heap_layout *l, const void *bytes,
				    uint64_t addr, struct go_span *ret);
/* Bytes of one object of a size class; 0 of class 0. */
uint32_t heap_class_size(unsigned int class);

/* The address of the heapArena that holds addr; -ENOENT none. */
int heap_arena_of(struct go_heap *h, uint64_t addr, uint64_t *ret);
/* The mspan that the arena's record says holds addr (it may be stale there); -ENOENT none. */
int heap_span_lookup(struct go_heap *h, uint64_t addr, uint64_t *ret);
/* The address of the page allocator's bits of the chunk that holds addr; -ENOENT none. */
int heap_chunk_of(struct go_heap *h, uint64_t addr, uint64_t *ret);

/*
 * The indexes of the heap's arenas, ascending, as mheap_.arenas counts them; not all may be sane.
 * To be freed: heap_words_free() for CLEANUP(). Errors of reading; -ENOMEM.
 */
int heap_arenas_read(struct go_heap *h, uint64_t **ret, size_t *n);
void heap_words_free(uint64_t **words);

/* go_heap_open() with that layout and those variables. */
int heap_open_at(struct go_runtime *rt, struct arena *a, const struct go_heap_layout *l,
		 const struct heap_globals *at, struct go_heap **ret, struct diag *d);
/* Holds mheap_ against the process. -EOPNOTSUPP. */
int heap_validate(struct go_heap *h, struct diag *d);

/*
 * Adds a range to a growing table; one that ends where it starts, or that is of the kind of the
 * last and follows on it, adds nothing. -ENOMEM; -E2BIG over LIMIT_GO_RANGES.
 */
int heap_ranges_add(struct heap_ranges *r, uint64_t start, uint64_t end, enum go_range_kind kind);
/* Sorts by start, drops what overlaps with one before and counts it. */
void heap_ranges_sort(struct heap_ranges *r, uint64_t *overlapping);
void heap_ranges_done(struct heap_ranges *r);

/* Ascending: spans, and the pages in none by the page allocator's bits and by the arenas. */
int heap_pages_ranges(struct go_heap *h, struct heap_ranges *ret);
/* What the runtime maps besides, in no order, and nothing that overlaps with `heap`. */
int heap_metadata_ranges(struct go_heap *h, const struct heap_ranges *heap,
			 struct heap_ranges *ret);

/* *stable: two readings were equal. -EBADMSG: no sums that a heap has. */
int heap_delta_read(struct go_heap *h, struct heap_delta *ret, bool *stable);
