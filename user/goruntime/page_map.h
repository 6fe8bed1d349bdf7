/* SPDX-License-Identifier: Apache-2.0 */
/* From an address of Go's heap to a small number, by its 8 KiB page: as the runtime does it. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

#define GO_PAGE_BITS 13
#define ARENA_BITS 26
#define ARENA_PAGES (1u << (ARENA_BITS - GO_PAGE_BITS))
/* Addresses of user space have 47 bits. */
#define MAP_ARENAS (1u << (47 - ARENA_BITS))

struct page_map {
	uint32_t *blocks[MAP_ARENAS];	/* of ARENA_PAGES each; NULL: nothing there */
	uint32_t *used;			/* which of them are there */
	size_t n_blocks, room;
};

/* NULL when memory is short. */
struct page_map *page_map_new(void);
void page_map_free(struct page_map *m);
DEFINE_CLEANUP(struct page_map, page_map_free)

/* All pages of [start, end) get the value. -ENOMEM; -E2BIG: more than max_blocks arenas. */
int page_map_put(struct page_map *m, uint64_t start, uint64_t end, uint32_t value,
		 size_t max_blocks);

/* 0: nothing was put there. */
static inline uint32_t page_map_get(const struct page_map *m, uint64_t addr)
{
	const uint32_t *block = addr >> 47 ? NULL : m->blocks[addr >> ARENA_BITS];

	return block ? block[addr >> GO_PAGE_BITS & (ARENA_PAGES - 1)] : 0;
}
