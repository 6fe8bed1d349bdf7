// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/span.h"
#include "model/limits.h"
#include "native/glibc_arena.h"
#include "target/maps.h"

enum { READ_TRIES = 8 };

/* Where the two layouts differ. */
struct params_layout {
	uint64_t bytes, n_mmaps, n_mmaps_max, max_n_mmaps, no_dyn_threshold, mmapped_mem,
		max_mmapped_mem, sbrk_base, tcache_bins, hp_pagesize;
};

/* struct malloc_par: glibc 2.27 to 2.34, and since 2.35 with huge pages. */
static const struct params_layout params_layouts[] = {
	{ 112, 40, 44, 48, 52, 56, 64, 72, 80, 0 },
	{ 136, 60, 64, 68, 72, 80, 88, 96, 104, 48 },
};

enum { PARAMS_ARENA_TEST = 24, PARAMS_TRIM = 0, PARAMS_MMAP_THRESHOLD = 16 };

/* do_set_tcache_max(): as many bins as the largest size needs. Both are 0 without a tcache. */
static bool tcache_makes_sense(uint64_t bins, uint64_t max_bytes, uint64_t count)
{
	uint64_t chunk = (max_bytes + 8 + 15) & ~15ull;

	if (bins > TCACHE_BINS || count > UINT16_MAX)
		return false;
	if (chunk < CHUNK_MIN)
		chunk = CHUNK_MIN;
	return bins == (chunk - CHUNK_MIN) / 16 + 1;
}

static bool parse_params(const struct glibc_source *s, struct span *b, uint64_t at,
			 const struct params_layout *l, struct glibc_params *ret)
{
	uint64_t test = span_u64(b, at + PARAMS_ARENA_TEST);
	uint32_t n = span_u32(b, at + l->n_mmaps), max = span_u32(b, at + l->max_n_mmaps);
	uint64_t bytes = span_u64(b, at + l->mmapped_mem);
	uint64_t base = span_u64(b, at + l->sbrk_base);
	uint64_t huge = l->hp_pagesize ? span_u64(b, at + l->hp_pagesize) : 0;

	if (!tcache_makes_sense(span_u64(b, at + l->tcache_bins),
				span_u64(b, at + l->tcache_bins + 8),
				span_u64(b, at + l->tcache_bins + 16)))
		return false;
	if (test == 0 || test > LIMIT_C_ARENAS || n > INT32_MAX || max > INT32_MAX ||
	    span_u32(b, at + l->n_mmaps_max) > INT32_MAX ||
	    span_u32(b, at + l->no_dyn_threshold) > 1)
		return false;
	if (bytes % GLIBC_PAGE || bytes > GLIBC_MAX_BYTES || bytes / GLIBC_PAGE < n ||
	    (bytes && !n) || bytes > span_u64(b, at + l->max_mmapped_mem))
		return false;
	if ((base && !glibc_in_data(s, base, CHUNK_MIN)) || huge % GLIBC_PAGE || huge > 1ull << 34)
		return false;
	*ret = (struct glibc_params){ .found = !b->overrun, .since_235 = l != params_layouts,
				      .sbrk_base = base, .hp_pagesize = huge,
				      .mmapped_bytes = bytes, .mmapped_chunks = n,
				      .tcache_count = span_u32(b, at + l->tcache_bins + 16) };
	return ret->found;
}

/* An int that is counted up and the bytes beside it are two writes: torn for a moment. */
int glibc_read_params(const struct glibc_source *s, struct glibc_params *p)
{
	const struct params_layout *l = &params_layouts[p->since_235];
	uint8_t buf[136];

	for (int i = 0; i < READ_TRIES; i++) {
		struct span b = span_of(buf, l->bytes);
		struct glibc_params new;
		int r = mem_read(s->mem, p->addr, buf, l->bytes);

		if (r < 0)
			return r;
		if (!parse_params(s, &b, 0, l, &new))
			continue;
		new.addr = p->addr;
		*p = new;
		return 0;
	}
	return -EAGAIN;
}

int glibc_find_params(const struct glibc_source *s, const struct mapping *data,
		      struct glibc_params *ret)
{
	struct glibc_params found = { .found = false };
	unsigned int n = 0;
	uint8_t *buf;
	size_t len;
	int r = glibc_read_data(s, data, &buf, &len);

	*ret = found;
	if (r < 0 || !buf)
		return r;
	for (uint64_t at = 0; at + params_layouts[0].bytes <= len; at += 8) {
		for (size_t i = 0; i < ARRAY_SIZE(params_layouts); i++) {
			struct span b = span_of(buf, len);
			struct glibc_params p;

			if (at + params_layouts[i].bytes > len ||
			    !parse_params(s, &b, at, &params_layouts[i], &p))
				continue;
			found = p;
			found.addr = data->start + at;
			n++;
		}
	}
	if (n == 1)
		*ret = found;
	free(buf);
	return 0;
}
