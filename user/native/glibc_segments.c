// SPDX-License-Identifier: Apache-2.0
/* The pieces of memory of an arena: the main one's break, a thread's heaps. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/span.h"
#include "model/limits.h"
#include "native/glibc_arena.h"
#include "target/maps.h"

static int by_start(const void *a, const void *b)
{
	const struct glibc_segment *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

static uint64_t align_chunk(uint64_t addr)
{
	return (addr + CHUNK_ALIGN - 1) & ~(uint64_t)(CHUNK_ALIGN - 1);
}

/* Where the memory begins that addr lies in: mappings that touch are one. */
static uint64_t memory_start(const struct glibc_source *s, uint64_t addr)
{
	const struct mapping *m = maps_find(s->maps, addr);

	while (m && m > s->maps->all && m[-1].end == m->start && m[-1].readable &&
	       m[-1].writable && !m[-1].ino && !m->ino)
		m--;
	return m ? m->start : 0;
}

static int main_segment(const struct glibc_source *s, struct glibc_arena *av,
			const struct glibc_params *p, struct arena *a)
{
	uint64_t end = av->top + av->top_bytes, start = p->found ? p->sbrk_base : 0;
	uint64_t least = memory_start(s, av->top);

	if (!av->top_bytes) {
		end = start + av->system_bytes;
		if (!start || end % GLIBC_PAGE || end < av->top + CHUNK_MIN ||
		    !glibc_in_data(s, start, end - start))
			return -EAGAIN;
		av->top_bytes = end - av->top;
	}
	if (!least)
		return -EAGAIN;
	/*
	 * Without sbrk_base, the mapping's start: then the walk proves it, for it must come to the
	 * top. A break that another one moved, or memory by mmap() instead, is another mapping.
	 */
	if (start < least || start > av->top)
		start = least;
	av->segments = arena_alloc(a, 1, sizeof(*av->segments));
	if (!av->segments)
		return -ENOMEM;
	av->segments[0] = (struct glibc_segment){ .start = start, .first = align_chunk(start),
						  .end = end, .has_top = true };
	av->n_segments = 1;
	return 0;
}

/* heap_max_size() in malloc/arena.c. */
static uint64_t heap_max(const struct glibc_params *p)
{
	uint64_t max = p->found && p->hp_pagesize ? p->hp_pagesize * 4 : HEAP_MAX_BYTES;

	return max & (max - 1) ? HEAP_MAX_BYTES : max;
}

/* One heap_info; *prev is where it says that the one before is. */
static int read_heap(const struct glibc_source *s, struct glibc_arena *av, uint64_t base,
		     uint64_t max, struct glibc_segment *ret, uint64_t *prev)
{
	uint64_t first = av->addr & ~(max - 1), header = av->addr - first;
	uint8_t bytes[HEAP_BYTES];
	struct span h = span_of(bytes, sizeof(bytes));
	uint64_t size;
	int r;

	if (header != HEAP_BYTES && header != HEAP_BYTES_235)
		return -EBADMSG;
	r = mem_read(s->mem, base, bytes, sizeof(bytes));
	if (r < 0)
		return r;
	size = span_u64(&h, HEAP_SIZE);
	*prev = span_u64(&h, HEAP_PREV);
	if (span_u64(&h, HEAP_ARENA) != av->addr || size > max || size % GLIBC_PAGE || size == 0 ||
	    !glibc_in_data(s, base, size))
		return -EAGAIN;
	/* The first one holds the arena itself, and has none before it. */
	if ((base == first) != (*prev == 0) || *prev % max)
		return -EAGAIN;
	*ret = (struct glibc_segment){ .start = base, .end = base + size };
	ret->first = base == first ? align_chunk(av->addr + ARENA_BYTES) : base + header;
	ret->has_top = av->top >= ret->first && av->top < ret->end;
	return 0;
}

static int thread_segments(const struct glibc_source *s, struct glibc_arena *av,
			   const struct glibc_params *p, struct arena *a)
{
	uint64_t max = heap_max(p), base = av->top & ~(max - 1), prev;
	/* Each takes a page at least, so that a ring of them ends. */
	uint64_t most = av->system_bytes / GLIBC_PAGE + 1;
	size_t n = 0, size = 0;
	struct glibc_segment *all = NULL;

	for (; base; base = prev) {
		int r;

		if (n == most || n == LIMIT_C_HEAPS)
			return -EAGAIN;
		if (n == size) {
			struct glibc_segment *more;

			size = size ? size * 2 : 1;
			more = arena_alloc(a, size, sizeof(*more));
			if (!more)
				return -ENOMEM;
			if (n)
				memcpy(more, all, n * sizeof(*all));
			all = more;
		}
		r = read_heap(s, av, base, max, &all[n], &prev);
		if (r < 0)
			return r;
		if (all[n].has_top != (n == 0))
			return -EAGAIN;
		n++;
	}
	if (!n || av->top > all[0].end - CHUNK_MIN)
		return -EAGAIN;
	if (!av->top_bytes)
		av->top_bytes = all[0].end - av->top;
	if (all[0].end != av->top + av->top_bytes)
		return -EAGAIN;
	qsort(all, n, sizeof(*all), by_start);
	/* What a chain that comes back to itself would show. */
	for (size_t i = 1; i < n; i++)
		if (all[i].start < all[i - 1].end)
			return -EBADMSG;
	av->segments = all;
	av->n_segments = n;
	return 0;
}

int glibc_segments(const struct glibc_source *s, struct glibc_arena *av,
		   const struct glibc_params *p, struct arena *a)
{
	return av->is_main ? main_segment(s, av, p, a) : thread_segments(s, av, p, a);
}
