// SPDX-License-Identifier: Apache-2.0
#include "heap_world.h"

#include <string.h>

#include "base/cleanup.h"

#define SPANS_AT 4096u
#define IN_USE 1
#define MANUAL 2

uint64_t heap_world_addr(const struct heap_world *w, int span)
{
	return HW_PERSISTENT + SPANS_AT + (uint64_t)span * (uint64_t)w->l.span_size;
}

void heap_world_span(struct heap_world *w, int span, int32_t off, uint64_t v, size_t len)
{
	memcpy(w->persistent + (heap_world_addr(w, span) - HW_PERSISTENT) + off, &v, len);
}

void heap_world_mheap(struct heap_world *w, int32_t off, uint64_t v)
{
	memcpy(w->mheap + off, &v, 8);
}

void heap_world_memstats(struct heap_world *w, int32_t off, uint64_t v)
{
	memcpy(w->memstats + off, &v, 8);
}

void heap_world_controller(struct heap_world *w, int32_t off, uint64_t v)
{
	memcpy(w->controller + off, &v, 8);
}

void heap_world_owner(struct heap_world *w, uint64_t page, int span)
{
	uint64_t addr = heap_world_addr(w, span);

	memcpy(w->arena + w->l.arena_spans + 8 * page, &addr, 8);
}

static void slice(struct heap_world *w, int32_t off, uint64_t array, uint64_t len, uint64_t cap)
{
	heap_world_mheap(w, off, array);
	heap_world_mheap(w, off + 8, len);
	heap_world_mheap(w, off + 16, cap);
}

static void add_span(struct heap_world *w, int span, uint64_t page, uint64_t pages, uint8_t state)
{
	const struct go_heap_layout *l = &w->l;

	w->allspans[span] = heap_world_addr(w, span);
	heap_world_span(w, span, l->span_start, HW_HEAP + page * HW_PAGE, 8);
	heap_world_span(w, span, l->span_npages, pages, 8);
	heap_world_span(w, span, l->span_state, state, 1);
	for (uint64_t i = 0; i < pages && state; i++) {
		heap_world_owner(w, page + i, span);
		w->chunk_bits[(page + i) / 64] |= 1ull << (page + i) % 64;
	}
}

static void add_objects(struct heap_world *w, int span, unsigned int class, uint64_t size,
			uint64_t n, uint64_t used)
{
	const struct go_heap_layout *l = &w->l;

	heap_world_span(w, span, l->span_class, class << 1 | (span % 2), 1);
	heap_world_span(w, span, l->span_elem_size, size, 8);
	heap_world_span(w, span, l->span_nelems, n, 2);
	heap_world_span(w, span, l->span_alloc_count, used, 2);
	heap_world_span(w, span, l->span_freeindex, used / 2, 2);
	heap_world_span(w, span, l->span_alloc_bits, HW_GC_BITS + 16 + 64 * (uint64_t)span, 8);
	heap_world_span(w, span, l->span_gcmark_bits, HW_GC_BITS + 16 + 64 * (uint64_t)span, 8);
}

static void build_spans(struct heap_world *w)
{
	for (int i = 0; i < HW_SMALL; i++) {
		add_span(w, i, (uint64_t)i, 1, IN_USE);
		add_objects(w, i, HW_CLASS, HW_ELEM, HW_PAGE / HW_ELEM, 100);
	}
	add_span(w, HW_LARGE, HW_SMALL, 8, IN_USE);
	add_objects(w, HW_LARGE, 0, 8 * HW_PAGE, 1, 1);
	heap_world_span(w, HW_LARGE, w->l.span_large_type, 0x500000, 8);
	add_span(w, HW_MANUAL, HW_SMALL + 8, 4, MANUAL);
	add_span(w, HW_DEAD, HW_SMALL, 3, 0);
	slice(w, w->l.heap_allspans, HW_ALLSPANS, HW_SPANS, 64);
}

static void build_pages(struct heap_world *w)
{
	const struct go_heap_layout *l = &w->l;
	uint64_t chunk = (HW_HEAP - GO_ARENA_BASE) >> GO_CHUNK_SHIFT;
	uint64_t arena = (HW_HEAP - GO_ARENA_BASE) >> GO_ARENA_SHIFT;

	/* Of each chunk 8 words: allocated; 8 words: scavenged. */
	memset(w->chunk_bits + 9, 0xff, 7 * 8);
	memset(w->chunk_bits + 24, 0xff, 8 * 8);
	w->lists[0] = HW_HEAP;
	w->lists[1] = HW_HEAP + ((uint64_t)HW_CHUNKS << GO_CHUNK_SHIFT);
	w->lists[8] = arena;
	w->arena_index[0] = HW_ARENA;
	heap_world_mheap(w, l->heap_arenas, HW_ARENA_INDEX);
	heap_world_mheap(w, l->heap_pages + l->pages_chunks + 8 * (int32_t)(chunk >> 13),
			 HW_CHUNK_BITS - GO_CHUNK_BYTES * (chunk % 8192));
	slice(w, l->heap_pages + l->pages_in_use, HW_LISTS, 1, 16);
	slice(w, l->heap_arena_list, HW_LISTS + 64, 1, 512);
	slice(w, l->heap_pages + l->pages_summary, HW_SUMMARY, 0, 1 << 14);
	heap_world_mheap(w, l->heap_pages_in_use, HW_SMALL + 8);
	heap_world_mheap(w, l->heap_spanalloc + l->fixalloc_inuse,
			 HW_SPANS * (uint64_t)l->span_size);
	heap_world_mheap(w, l->heap_cachealloc + l->fixalloc_inuse, 2400);
}

static void build_stats(struct heap_world *w)
{
	const struct go_heap_layout *l = &w->l;
	int32_t second = l->memstats_heap_stats + l->stats_size;
	uint64_t pages = HW_CHUNKS * 512 - HW_SCAVENGED_PAGE;

	/* Sums are spread over three generations, of which each may be negative. */
	heap_world_memstats(w, l->memstats_heap_stats + l->stats_committed, -HW_PAGE);
	heap_world_memstats(w, second + l->stats_committed, (HW_SCAVENGED_PAGE + 1) * HW_PAGE);
	heap_world_memstats(w, second + l->stats_released, pages * HW_PAGE);
	heap_world_memstats(w, second + l->stats_in_heap, (HW_SMALL + 8) * HW_PAGE);
	heap_world_memstats(w, second + l->stats_in_stacks, 3 * HW_PAGE);
	heap_world_memstats(w, second + l->stats_in_work_bufs, HW_PAGE);
	heap_world_memstats(w, second + l->stats_tiny_allocs, 7);
	heap_world_memstats(w, second + l->stats_large_alloc, 20 * HW_PAGE);
	heap_world_memstats(w, second + l->stats_large_allocs, 2);
	heap_world_memstats(w, second + l->stats_large_free, 12 * HW_PAGE);
	heap_world_memstats(w, second + l->stats_large_frees, 1);
	/* 40 of the live objects lie in a cache that has not been counted. */
	heap_world_memstats(w, second + l->stats_small_allocs + 8 * HW_CLASS,
			    100 * HW_SMALL - 40 + 500);
	heap_world_memstats(w, second + l->stats_small_frees + 8 * HW_CLASS, 500);
	heap_world_memstats(w, l->memstats_stacks_sys, 10);
	heap_world_memstats(w, l->memstats_mspan_sys, 20);
	heap_world_memstats(w, l->memstats_mcache_sys, 30);
	heap_world_memstats(w, l->memstats_buckhash_sys, 40);
	heap_world_memstats(w, l->memstats_gc_sys, 50);
	heap_world_memstats(w, l->memstats_other_sys, 60);
	heap_world_memstats(w, l->memstats_numgc, 9ull | 4ull << 32);
	heap_world_memstats(w, l->memstats_last_gc, 1000);
	heap_world_controller(w, l->gc_percent, 100);
	heap_world_controller(w, l->gc_memory_limit, INT64_MAX);
	heap_world_controller(w, l->gc_heap_minimum, 4 << 20);
	heap_world_controller(w, l->gc_heap_goal, 5 << 20);
	heap_world_controller(w, l->gc_triggered, UINT64_MAX);
	heap_world_controller(w, l->gc_mapped_ready, 1 << 20);
	heap_world_controller(w, l->gc_heap_live, 300000);
	heap_world_controller(w, l->gc_heap_marked, 200000);
}

void heap_world_build(struct heap_world *w)
{
	const uint64_t heads[] = { HW_PERSISTENT, HW_GC_BITS, HW_PROFILE };

	memset(w, 0, sizeof(*w));
	heap_layout_lookup(27, 1, &w->l, NULL);
	w->at = (struct heap_globals){ HW_MHEAP, HW_MEMSTATS, HW_CONTROLLER, HW_CHUNKS_HEAD,
				       HW_GC_BITS_HEAD, HW_PROFILE_HEAD };
	build_spans(w);
	build_pages(w);
	build_stats(w);
	memcpy(w->heads, &heads[0], 8);
	memcpy(w->heads + (HW_GC_BITS_HEAD - HW_CHUNKS_HEAD) + GC_BITS_FIRST, &heads[1], 8);
	memcpy(w->heads + (HW_PROFILE_HEAD - HW_CHUNKS_HEAD), &heads[2], 8);
}

int heap_world_open(struct heap_world *w, struct diag *d)
{
	uint64_t arena = (HW_HEAP - GO_ARENA_BASE) >> GO_ARENA_SHIFT;
	const struct mem_range ranges[] = {
		{ HW_MHEAP, w->mheap, sizeof(w->mheap) },
		{ HW_MEMSTATS, w->memstats, sizeof(w->memstats) },
		{ HW_CONTROLLER, w->controller, sizeof(w->controller) },
		{ HW_CHUNKS_HEAD, w->heads, sizeof(w->heads) },
		{ HW_ALLSPANS, w->allspans, sizeof(w->allspans) },
		{ HW_PERSISTENT, w->persistent, sizeof(w->persistent) },
		{ HW_ARENA_INDEX + 8 * arena, w->arena_index, sizeof(w->arena_index) },
		{ HW_ARENA, w->arena, sizeof(w->arena) },
		{ HW_CHUNK_BITS, w->chunk_bits, sizeof(w->chunk_bits) },
		{ HW_GC_BITS, w->gc_bits, sizeof(w->gc_bits) },
		{ HW_LISTS, w->lists, sizeof(w->lists) },
	};

	w->pool = arena_new();
	if (!w->pool || mem_array_open(ranges, ARRAY_SIZE(ranges), &w->mem) < 0)
		return -1;
	w->rt = (struct go_runtime){ .minor = 27, .live = w->mem, .now_ns = 5000 };
	return heap_open_at(&w->rt, w->pool, &w->l, &w->at, &w->heap, d);
}

void heap_world_close(struct heap_world *w)
{
	mem_close(w->mem);
	arena_free(w->pool);
	w->mem = NULL;
	w->pool = NULL;
	w->heap = NULL;
}

uint8_t *heap_world_piece(struct heap_world *w, size_t i, size_t *len)
{
	const struct go_heap_layout *l = &w->l;
	const struct {
		void *at;
		size_t len;
	} pieces[] = {
		{ w->persistent, 8 },
		{ w->persistent + SPANS_AT, HW_SPANS * (size_t)l->span_size },
		{ w->allspans, 8 * HW_SPANS },
		{ w->mheap + l->heap_allspans, 24 },
		{ w->mheap + l->heap_pages_in_use, 8 },
		{ w->mheap + l->heap_arenas, 8 },
		{ w->mheap + l->heap_arena_list, 24 },
		{ w->mheap + l->heap_pages + l->pages_summary, 5 * 24 },
		{ w->mheap + l->heap_pages + l->pages_in_use, 24 },
		{ w->mheap + l->heap_pages + l->pages_scav_chunks, 24 },
		{ w->mheap + l->heap_pages + l->pages_chunks +
			  8 * (((HW_HEAP - GO_ARENA_BASE) >> GO_CHUNK_SHIFT) >> 13), 8 },
		{ w->memstats + l->memstats_heap_stats, 3 * (size_t)l->stats_size },
		{ w->memstats + l->memstats_stacks_sys, 64 },
		{ w->controller, (size_t)l->gc_size },
		{ w->heads, 8 },
		{ w->heads + (HW_GC_BITS_HEAD - HW_CHUNKS_HEAD), 40 },
		{ w->heads + (HW_PROFILE_HEAD - HW_CHUNKS_HEAD), 8 },
		{ w->arena_index, 16 },
		{ w->arena + l->arena_spans, 8 * 64 },
		{ w->chunk_bits, 256 },
		{ w->gc_bits, 16 },
		{ w->lists, 128 },
	};

	if (i >= ARRAY_SIZE(pieces))
		return NULL;
	*len = pieces[i].len;
	return pieces[i].at;
}
