// SPDX-License-Identifier: Apache-2.0
#include "native/glibc_lists.h"

#include <errno.h>
#include <stdlib.h>

#include "base/span.h"

void glibc_lists_done(struct glibc_lists *l)
{
	free(l->all);
	*l = (struct glibc_lists){ 0 };
}

static int add(struct glibc_lists *l, uint64_t addr, uint64_t bytes, bool fastbin)
{
	if (!l->left)
		return -ENOSPC;
	if (l->n == l->size) {
		size_t size = l->size ? l->size * 2 : 256;
		struct glibc_free *all = realloc(l->all, size * sizeof(*all));

		if (!all)
			return -ENOMEM;
		l->all = all;
		l->size = size;
	}
	l->left--;
	l->all[l->n++] = (struct glibc_free){ addr, bytes, fastbin };
	return 0;
}

static int add_fast(void *arg, uint64_t chunk, uint64_t bytes)
{
	return add(arg, chunk, bytes, true);
}

/* largebin_index_64() is not asked for: a large bin's chunks are large, and that is enough. */
static bool size_fits(unsigned int bin, uint64_t size)
{
	if (bin == 1)
		return size >= CHUNK_MIN;
	if (bin <= ARENA_SMALL_BINS)
		return size == 16ull * bin;
	return size >= 16ull * (ARENA_SMALL_BINS + 1);
}

static int read_bin(const struct glibc_source *s, const struct glibc_arena *av, unsigned int bin,
		    struct glibc_lists *l)
{
	uint64_t head = ARENA_BIN_CHUNK(av->addr, bin), before = head, chunk = av->bins[bin];

	while (chunk && chunk != head) {
		uint8_t bytes[CHUNK_MIN];
		struct span c = span_of(bytes, sizeof(bytes));
		uint64_t size;
		int r;

		if (chunk % CHUNK_ALIGN || !glibc_segment_of(av, chunk, CHUNK_MIN))
			return -EAGAIN;
		/* Most often far from the one before: a block of a cache would be read for it alone. */
		r = mem_read(s->mem, chunk, bytes, sizeof(bytes));
		if (r < 0)
			return glibc_fatal(r) ? r : -EAGAIN;
		size = span_u64(&c, CHUNK_SIZE) & ~(uint64_t)CHUNK_FLAGS;
		/* Links that agree both ways cannot be a chain that runs into itself. */
		if (span_u64(&c, CHUNK_BK) != before || size % CHUNK_ALIGN ||
		    !size_fits(bin, size) || !glibc_segment_of(av, chunk, size))
			return -EAGAIN;
		r = add(l, chunk, size, false);
		if (r < 0)
			return r;
		before = chunk;
		chunk = span_u64(&c, CHUNK_FD);
	}
	return 0;
}

/* All of it before the top, and none in another. */
static bool make_sense(const struct glibc_arena *av, const struct glibc_lists *l)
{
	for (size_t i = 0; i < l->n; i++) {
		const struct glibc_free *f = &l->all[i];
		const struct glibc_segment *s = glibc_segment_of(av, f->addr, f->bytes);

		if (!s || (s->has_top && f->addr + f->bytes > av->top) ||
		    (i && f[-1].addr + f[-1].bytes > f->addr))
			return false;
	}
	return true;
}

static int by_addr(const void *a, const void *b)
{
	const struct glibc_free *x = a, *y = b;

	return x->addr < y->addr ? -1 : x->addr > y->addr;
}

int glibc_lists_read(const struct glibc_source *s, const struct glibc_arena *av,
		     struct glibc_fastbins *f, struct glibc_lists *l)
{
	int r = 0;

	l->n = 0;
	for (unsigned int i = 1; i <= ARENA_N_BINS && r == 0; i++)
		r = read_bin(s, av, i, l);
	if (r == 0)
		r = glibc_fastbins_each(s, av, f, add_fast, l);
	if (r < 0)
		return r;
	if (f->cut)
		return -ENOSPC;
	if (l->n)
		qsort(l->all, l->n, sizeof(*l->all), by_addr);
	return make_sense(av, l) ? 0 : -EAGAIN;
}
