// SPDX-License-Identifier: Apache-2.0
#include "goruntime/page_map.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

struct page_map *page_map_new(void)
{
	/* 16 MiB of mostly untouched memory, which calloc() of a sanitizer would touch. */
	void *m = mmap(NULL, sizeof(struct page_map), PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return m == MAP_FAILED ? NULL : m;
}

void page_map_free(struct page_map *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < m->n_blocks; i++)
		free(m->blocks[m->used[i]]);
	free(m->used);
	munmap(m, sizeof(*m));
}

static int add_block(struct page_map *m, uint64_t at)
{
	if (m->n_blocks == m->room) {
		size_t room = m->room ? m->room * 2 : 64;
		uint32_t *used = realloc(m->used, room * sizeof(*used));

		if (!used)
			return -ENOMEM;
		m->used = used;
		m->room = room;
	}
	m->blocks[at] = calloc(ARENA_PAGES, sizeof(uint32_t));
	if (!m->blocks[at])
		return -ENOMEM;
	m->used[m->n_blocks++] = (uint32_t)at;
	return 0;
}

int page_map_put(struct page_map *m, uint64_t start, uint64_t end, uint32_t value,
		 size_t max_blocks)
{
	if (end > 1ull << 47)
		return -E2BIG;
	for (uint64_t page = start >> GO_PAGE_BITS; page << GO_PAGE_BITS < end; page++) {
		uint32_t **block = &m->blocks[page / ARENA_PAGES];

		if (!*block) {
			int r = m->n_blocks < max_blocks ? add_block(m, page / ARENA_PAGES) : -E2BIG;

			if (r < 0)
				return r;
		}
		(*block)[page % ARENA_PAGES] = value;
	}
	return 0;
}
