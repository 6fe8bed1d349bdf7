// SPDX-License-Identifier: Apache-2.0
#include "native/glibc_mmapped.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/span.h"
#include "model/limits.h"
#include "target/maps.h"

enum { BATCH = 256 };

struct search {
	const struct glibc_source *s;
	const struct glibc_pages *resident;
	const struct c_range *busy;
	size_t n_busy;
	struct c_range *all;
	size_t n, size;
	size_t known;		/* of all: ascending, found before the pages were looked at */
	uint64_t bytes;
	struct glibc_mmapped *cost;
	const struct mapping *mapping;
	uint64_t past;		/* nothing before is looked at: it is in a chunk that was found */
	struct mem_req reqs[BATCH];
	uint8_t headers[BATCH][CHUNK_HEADER];
	size_t n_reqs;
};

static int add(struct search *x, uint64_t start, uint64_t end)
{
	if (x->n == x->size) {
		size_t size = x->size ? x->size * 2 : 64;
		struct c_range *all = realloc(x->all, size * sizeof(*all));

		if (!all)
			return -ENOMEM;
		x->all = all;
		x->size = size;
	}
	x->all[x->n++] = (struct c_range){ start, end, C_RANGE_MMAPPED };
	x->bytes += end - start;
	return 0;
}

/* The first of n ascending ranges that ends after addr; n: none does. */
static size_t first_after(const struct c_range *all, size_t n, uint64_t addr)
{
	size_t lo = 0, hi = n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (all[mid].end <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* [start, end) up to the first byte that is somebody's. */
static uint64_t free_until(const struct search *x, uint64_t start, uint64_t end)
{
	size_t i = first_after(x->busy, x->n_busy, start);

	if (i == x->n_busy || x->busy[i].start >= end)
		return end;
	return x->busy[i].start > start ? x->busy[i].start : start;
}

/* The page after what addr is busy with, or in which chunk it is; addr itself: neither. */
static uint64_t busy_until(const struct search *x, uint64_t addr)
{
	size_t i = first_after(x->busy, x->n_busy, addr), k = first_after(x->all, x->known, addr);
	uint64_t end = addr;

	if (i < x->n_busy && x->busy[i].start <= addr)
		end = x->busy[i].end;
	else if (k < x->known && x->all[k].start <= addr)
		end = x->all[k].end;
	return (end + GLIBC_PAGE - 1) & ~(GLIBC_PAGE - 1);
}

/*
 * Bytes of the mapping that this header begins; 0 when it is none. prev_size is what an alignment
 * left before the chunk: at the start of the mapping it is 0, and the size whole.
 */
static uint64_t bytes_of(const uint8_t *header, uint64_t room)
{
	struct span s = span_of(header, CHUNK_HEADER);
	uint64_t prev = span_u64(&s, CHUNK_PREV_SIZE), word = span_u64(&s, CHUNK_SIZE);
	uint64_t size = word & ~(uint64_t)CHUNK_FLAGS;

	if ((word & CHUNK_FLAGS) != CHUNK_IS_MMAPPED || prev || !size || size % GLIBC_PAGE ||
	    size > room)
		return 0;
	return size;
}

static int see(void *walk, uint64_t start, uint64_t end)
{
	*(bool *)walk = end > start;
	return 0;
}

/* A page that was never written holds no header, and reading it would give the process a page. */
static bool is_resident(const struct search *x, uint64_t at)
{
	bool seen = !x->resident;

	if (x->resident)
		x->resident->each(x->resident->arg, at, at + GLIBC_PAGE, see, &seen);
	return seen;
}

/* Chunks that stand one behind the other from start on; ret: where that ends. */
static int follow(struct search *x, uint64_t start, uint64_t *ret)
{
	uint64_t at = start;

	while (at < x->mapping->end && x->n < LIMIT_C_HEAPS) {
		uint64_t end = free_until(x, at, x->mapping->end), bytes;
		uint8_t header[CHUNK_HEADER];
		int r;

		if (end - at < GLIBC_PAGE || !is_resident(x, at))
			break;
		r = mem_read(x->s->mem, at, header, sizeof(header));
		x->cost->reads++;
		if (r < 0)
			return glibc_fatal(r) ? r : 0;
		bytes = bytes_of(header, end - at);
		if (!bytes)
			break;
		r = add(x, at, at + bytes);
		if (r < 0)
			return r;
		at += bytes;
	}
	*ret = at;
	return 0;
}

static bool may_hold(const struct mapping *m)
{
	return m->readable && m->writable && !m->shared && !m->ino &&
	       (!m->path[0] || strncmp(m->path, "[anon:", 6) == 0) &&
	       strncmp(m->path, "[anon: Go", 9) != 0;
}

/* At the start of each mapping, and behind what is busy in it. */
static int look_at_starts(struct search *x)
{
	for (size_t i = 0; i < x->s->maps->n; i++) {
		uint64_t at;

		x->mapping = &x->s->maps->all[i];
		if (!may_hold(x->mapping))
			continue;
		at = x->mapping->start;
		while (at < x->mapping->end) {
			int r = follow(x, at, &at);

			if (r < 0)
				return r;
			if (busy_until(x, at) <= at)
				break;
			at = busy_until(x, at);
		}
	}
	return 0;
}

static int flush(struct search *x)
{
	int r = mem_read_many(x->s->mem, x->reqs, x->n_reqs);

	x->cost->reads++;
	x->cost->pages += x->n_reqs;
	for (size_t i = 0; i < x->n_reqs && r >= 0; i++) {
		uint64_t at = x->reqs[i].addr;

		if (x->reqs[i].err || at < x->past || x->mapping->end <= at ||
		    !bytes_of(x->headers[i], free_until(x, at, x->mapping->end) - at))
			continue;
		r = follow(x, at, &x->past);
	}
	x->n_reqs = 0;
	return glibc_fatal(r) ? r : 0;
}

/* -E2BIG: enough pages. */
static int look_at_pages(void *walk, uint64_t start, uint64_t end)
{
	struct search *x = walk;

	for (uint64_t at = start; at < end; at += GLIBC_PAGE) {
		uint64_t busy = busy_until(x, at);

		if (busy > at) {
			at = busy - GLIBC_PAGE;
			continue;
		}
		if (at < x->past)
			continue;
		if (x->cost->pages + x->n_reqs >= LIMIT_C_PAGE_STARTS)
			return -E2BIG;
		x->reqs[x->n_reqs] = (struct mem_req){ .addr = at, .buf = x->headers[x->n_reqs],
						       .len = CHUNK_HEADER };
		if (++x->n_reqs == BATCH) {
			int r = flush(x);

			if (r < 0)
				return r;
		}
	}
	return 0;
}

static int look_everywhere(struct search *x)
{
	const struct glibc_pages *resident = x->resident;
	int r = 0;

	x->known = x->n;
	for (size_t i = 0; i < x->s->maps->n && r >= 0; i++) {
		x->mapping = &x->s->maps->all[i];
		x->past = x->mapping->start;
		if (!may_hold(x->mapping))
			continue;
		r = resident->each(resident->arg, x->mapping->start, x->mapping->end,
				   look_at_pages, x);
		if (r >= 0 || r == -E2BIG) {
			int r2 = flush(x);

			r = r2 < 0 ? r2 : r;
		}
	}
	return glibc_fatal(r) ? r : 0;
}

static int by_start(const void *a, const void *b)
{
	const struct c_range *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

int glibc_mmapped_find(const struct glibc_source *s, const struct glibc_params *expected,
		       const struct c_range *busy, size_t n_busy,
		       const struct glibc_pages *resident, struct c_ranges *out,
		       struct glibc_mmapped *ret)
{
	struct search *x;
	int r;

	*ret = (struct glibc_mmapped){ 0 };
	if (!expected->mmapped_bytes)
		return 0;
	x = calloc(1, sizeof(*x));
	if (!x)
		return -ENOMEM;
	x->resident = resident;
	x->s = s;
	x->busy = busy;
	x->n_busy = n_busy;
	x->cost = ret;
	r = look_at_starts(x);
	if (r == 0 && resident && x->bytes < expected->mmapped_bytes)
		r = look_everywhere(x);
	if (r == 0 && x->bytes <= expected->mmapped_bytes) {
		if (x->n)
			qsort(x->all, x->n, sizeof(*x->all), by_start);
		for (size_t i = 0; i < x->n && r == 0; i++)
			r = c_ranges_add(out, x->all[i].start, x->all[i].end, C_RANGE_MMAPPED);
		ret->bytes = x->bytes;
		ret->chunks = x->n;
	}
	if (r == 0)
		r = c_ranges_flush(out);
	free(x->all);
	free(x);
	return r;
}
