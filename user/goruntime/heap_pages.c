// SPDX-License-Identifier: Apache-2.0
/* The pages of the heap: those of spans, and what the page allocator says of the others. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "goruntime/heap_state.h"
#include "model/limits.h"

/* Chunks whose bits are read at once. */
#define PORTION 1024
#define CHUNK (1ull << GO_CHUNK_SHIFT)
#define ARENA (1ull << GO_ARENA_SHIFT)
#define WORDS (GO_CHUNK_PAGES / 64)

struct chunk {
	uint64_t allocated[WORDS], scavenged[WORDS];
};
_Static_assert(sizeof(struct chunk) == GO_CHUNK_BYTES, "runtime.pallocData");

struct pages {
	struct go_heap *h;
	struct heap_ranges *out;
	const struct go_span *next, *end;	/* spans not yet written */
	struct chunk chunks[PORTION];
};

/* Spans below `to`, each where it stands. */
static int add_spans(struct pages *p, uint64_t to)
{
	int r = 0;

	for (; r == 0 && p->next < p->end && p->next->base < to; p->next++)
		r = heap_ranges_add(p->out, p->next->base, p->next->base + p->next->bytes,
				    p->next->state == GO_SPAN_IN_USE ? GO_RANGE_HEAP :
								       GO_RANGE_STACKS);
	return r;
}

/*
 * Pages in no span. Those that the allocator holds for allocated lie in a P's cache
 * (mpagecache.go), or in a span that came while we read: they are backed by memory as free ones
 * are. Go 1.26: up to a chunk of them hides where the heap begins (mheap.grow), which nothing ever
 * touches.
 */
static int add_gap(struct pages *p, const struct chunk *c, uint64_t from, uint64_t to)
{
	int r = 0;

	for (uint64_t at = from, next; r == 0 && at < to; at = next) {
		unsigned int page = (at >> GO_PAGE_SHIFT) % GO_CHUNK_PAGES;
		uint64_t given_back = c->scavenged[page / 64] & ~c->allocated[page / 64];
		bool whole = page % 64 == 0 && to - at >= 64 * GO_PAGE &&
			     (given_back == 0 || given_back == UINT64_MAX);

		next = at + (whole ? 64 : 1) * GO_PAGE;
		r = heap_ranges_add(p->out, at, next,
				    given_back >> page % 64 & 1 ? GO_RANGE_SCAVENGED :
								  GO_RANGE_FREE);
	}
	return r;
}

/* One chunk: gaps and spans by turns. A span may begin before it, and end behind it. */
static int add_chunk(struct pages *p, const struct chunk *c, uint64_t base)
{
	uint64_t at = base, end = base + CHUNK;
	int r = add_spans(p, base);

	while (r == 0 && at < end) {
		uint64_t covered = p->out->n ? p->out->all[p->out->n - 1].end : 0;
		uint64_t gap_end = end;

		if (covered > at)
			at = covered;
		if (p->next < p->end && p->next->base < end)
			gap_end = p->next->base;
		if (at < gap_end)
			r = add_gap(p, c, at, gap_end);
		if (gap_end == end)
			break;
		at = gap_end;
		r = r < 0 ? r : add_spans(p, gap_end + 1);
	}
	return r;
}

/* [base, end) of whole chunks whose bits stand side by side. */
static int add_portion(struct pages *p, uint64_t base, size_t n)
{
	uint64_t at;
	int r = heap_chunk_of(p->h, base, &at);

	if (r == 0)
		r = mem_read(p->h->rt->live, at, p->chunks, n * GO_CHUNK_BYTES);
	if (r == -EFAULT || r == -ENOENT) {
		p->h->dropped.unreadable += n;
		return 0;
	}
	for (size_t i = 0; r == 0 && i < n; i++)
		r = add_chunk(p, &p->chunks[i], base + i * CHUNK);
	return r;
}

/* What heap_chunk_of() finds for one chunk holds up to the end of its second level. */
static int add_in_use(struct pages *p, uint64_t base, uint64_t end)
{
	int r = 0;

	while (r == 0 && base < end) {
		uint64_t index = ((base - GO_ARENA_BASE) >> GO_CHUNK_SHIFT) %
				 (1u << GO_CHUNKS_L2_BITS);
		uint64_t n = (end - base) >> GO_CHUNK_SHIFT;

		if (n > PORTION)
			n = PORTION;
		if (n > (1u << GO_CHUNKS_L2_BITS) - index)
			n = (1u << GO_CHUNKS_L2_BITS) - index;
		r = add_portion(p, base, n);
		base += n << GO_CHUNK_SHIFT;
	}
	return r;
}

/* pageAlloc.inUse: address ranges that the heap has grown into, ascending (runtime/mranges.go). */
static int read_in_use(struct go_heap *h, uint64_t (**ret)[2], size_t *n)
{
	uint64_t at = h->at.mheap + (uint32_t)h->layout.heap_pages +
		      (uint32_t)h->layout.pages_in_use;
	struct heap_slice s;
	uint64_t (*ranges)[2];
	int r = heap_slice_read(h->rt->live, at, &s);

	if (r == -EBADMSG) {
		h->dropped.absurd++;
		s.len = 0;
	} else if (r < 0) {
		return r;
	}
	if (s.len > LIMIT_GO_ARENAS) {
		h->dropped.beyond += s.len - LIMIT_GO_ARENAS;
		s.len = LIMIT_GO_ARENAS;
	}
	ranges = calloc(s.len ? s.len : 1, sizeof(*ranges));
	if (!ranges)
		return -ENOMEM;
	r = s.len ? mem_read(h->rt->live, s.array, ranges, s.len * sizeof(*ranges)) : 0;
	if (r < 0) {
		free(ranges);
		return r;
	}
	*ret = ranges;
	*n = s.len;
	return 0;
}

static void free_in_use(uint64_t (**ranges)[2])
{
	free(*ranges);
}

static int add_heap(struct pages *p)
{
	CLEANUP(free_in_use) uint64_t (*ranges)[2] = NULL;
	uint64_t last = 0, chunks = 0;
	size_t n;
	int r = read_in_use(p->h, &ranges, &n);

	for (size_t i = 0; r == 0 && i < n; i++) {
		uint64_t base = ranges[i][0], end = ranges[i][1];

		if (base < last || base >= end || end > GO_ADDRESS_END || base % CHUNK ||
		    end % CHUNK) {
			p->h->dropped.absurd++;
			continue;
		}
		last = end;
		if ((end - base) >> GO_CHUNK_SHIFT > LIMIT_GO_CHUNKS - chunks) {
			p->h->dropped.beyond += (end - base) >> GO_CHUNK_SHIFT;
			continue;
		}
		chunks += (end - base) >> GO_CHUNK_SHIFT;
		r = add_in_use(p, base, end);
	}
	return r < 0 ? r : add_spans(p, UINT64_MAX);
}

static int by_value(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* mheap_.heapArenas (allArenas): the indexes of the arenas, in the order in which they came. */
int heap_arenas_read(struct go_heap *h, uint64_t **ret, size_t *n)
{
	uint64_t at = h->at.mheap + (uint32_t)h->layout.heap_arena_list;
	struct heap_slice s;
	int r = heap_slice_read(h->rt->live, at, &s);

	if (r < 0 && r != -EBADMSG)
		return r;
	if (r == -EBADMSG || s.len > LIMIT_GO_ARENAS) {
		h->dropped.absurd++;
		s.len = 0;
	}
	*ret = calloc(s.len ? s.len : 1, sizeof(**ret));
	if (!*ret)
		return -ENOMEM;
	r = s.len ? mem_read(h->rt->live, s.array, *ret, s.len * sizeof(**ret)) : 0;
	*n = r == 0 ? s.len : 0;
	if (*n)
		qsort(*ret, *n, sizeof(**ret), by_value);
	return r == -EFAULT ? 0 : r;
}

/* The parts of an arena that the first n ranges, from *at on, leave. */
static int add_rest(struct heap_ranges *out, size_t n, size_t *at, uint64_t base)
{
	uint64_t from = base, end = base + ARENA;
	int r = 0;

	while (*at < n && out->all[*at].end <= from)
		(*at)++;
	for (size_t i = *at; r == 0 && from < end; i++) {
		uint64_t to = i < n && out->all[i].start < end ? out->all[i].start : end;

		r = heap_ranges_add(out, from, to, GO_RANGE_RESERVED);
		if (i >= n || out->all[i].start >= end)
			break;
		from = out->all[i].end;
	}
	return r;
}

static int add_reserved(struct pages *p)
{
	CLEANUP(heap_words_free) uint64_t *arenas = NULL;
	size_t n_arenas, n = p->out->n, at = 0;
	uint64_t last = 0;
	int r = heap_arenas_read(p->h, &arenas, &n_arenas);

	for (size_t i = 0; r == 0 && i < n_arenas; i++) {
		uint64_t base = (arenas[i] << GO_ARENA_SHIFT) + GO_ARENA_BASE;

		if (arenas[i] >= GO_ARENAS || base < last || base >= GO_ADDRESS_END) {
			p->h->dropped.absurd++;
			continue;
		}
		last = base + ARENA;
		r = add_rest(p->out, n, &at, base);
	}
	return r;
}

int heap_pages_ranges(struct go_heap *h, struct heap_ranges *ret)
{
	struct pages *p = malloc(sizeof(*p));
	int r;

	if (!p)
		return -ENOMEM;
	p->h = h;
	p->out = ret;
	p->next = h->spans;
	p->end = h->spans + h->n_spans;
	r = add_heap(p);
	if (r == 0)
		heap_ranges_sort(ret, &h->dropped.overlapping);
	r = r < 0 ? r : add_reserved(p);
	if (r == 0)
		heap_ranges_sort(ret, &h->dropped.overlapping);
	free(p);
	return r;
}
