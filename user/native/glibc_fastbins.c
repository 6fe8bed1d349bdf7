// SPDX-License-Identifier: Apache-2.0
#include "native/glibc_fastbins.h"

#include <errno.h>
#include <stdlib.h>

#include "base/span.h"
#include "model/limits.h"

static bool is_place(const struct glibc_arena *av, uint64_t addr, uint64_t bytes)
{
	return addr % CHUNK_ALIGN == 0 && glibc_segment_of(av, addr, bytes) != NULL;
}

static uint64_t size_of_bin(unsigned int bin)
{
	return CHUNK_MIN + 16ull * bin;
}

/* The next chunk: 0 at the end. The first pointer that tells fixes how they are stored. */
static uint64_t next_of(const struct glibc_arena *av, struct glibc_fastbins *f, uint64_t chunk,
			uint64_t stored)
{
	uint64_t safe = stored ^ ((chunk + CHUNK_FD) >> 12);

	if (f->linking == GLIBC_LINKS_UNKNOWN) {
		bool plain_fits = !stored || is_place(av, stored, CHUNK_MIN);
		bool safe_fits = !safe || is_place(av, safe, CHUNK_MIN);

		if (plain_fits != safe_fits)
			f->linking = safe_fits ? GLIBC_LINKS_SAFE : GLIBC_LINKS_PLAIN;
	}
	return f->linking == GLIBC_LINKS_PLAIN ? stored : safe;
}

/* Goes from *chunk to the next one, 0 at the end. -EBADMSG: it is none. */
static int step(const struct glibc_source *s, const struct glibc_arena *av,
		struct glibc_fastbins *f, unsigned int bin, uint64_t *chunk)
{
	uint8_t bytes[CHUNK_MIN];
	struct span c = span_of(bytes, sizeof(bytes));
	int r;

	if (!is_place(av, *chunk, size_of_bin(bin)))
		return -EBADMSG;
	r = mem_read(s->cache, *chunk, bytes, sizeof(bytes));
	if (r < 0)
		return glibc_fatal(r) ? r : -EBADMSG;
	if ((span_u64(&c, CHUNK_SIZE) & ~(uint64_t)CHUNK_FLAGS) != size_of_bin(bin))
		return -EBADMSG;
	*chunk = next_of(av, f, *chunk, span_u64(&c, CHUNK_FD));
	return 0;
}

/* One chunk of one bin; 1 while there are more. */
static int follow(const struct glibc_source *s, const struct glibc_arena *av,
		  struct glibc_fastbins *f, unsigned int bin, uint64_t *at,
		  int (*visit)(void *arg, uint64_t chunk, uint64_t bytes), void *arg)
{
	uint64_t chunk = *at;
	int r = step(s, av, f, bin, at);

	if (r == -EBADMSG) {
		f->torn = true;
		return 0;
	}
	if (r == 0)
		r = f->left ? visit(arg, chunk, size_of_bin(bin)) : -ENOSPC;
	if (r == -ENOSPC) {
		f->cut |= 1u << bin;
		return 0;
	}
	if (r < 0)
		return r;
	f->left--;
	return *at != 0;
}

/*
 * The open chain that is behind in the direction that they run in, of those in one piece of memory:
 * what was freed together lies together, so that all of them come through the same pages at a time.
 */
static unsigned int hindmost(const uint64_t *at, uint32_t open, const struct glibc_segment *in,
			     bool upwards)
{
	unsigned int best = ARENA_N_FASTBINS;

	for (unsigned int i = 0; i < ARENA_N_FASTBINS; i++) {
		if (!(open & (1u << i)) || (in && (at[i] < in->start || at[i] >= in->end)))
			continue;
		if (best == ARENA_N_FASTBINS || (at[i] < at[best]) == upwards)
			best = i;
	}
	return best == ARENA_N_FASTBINS ? hindmost(at, open, NULL, upwards) : best;
}

int glibc_fastbins_each(const struct glibc_source *s, const struct glibc_arena *av,
			struct glibc_fastbins *f,
			int (*visit)(void *arg, uint64_t chunk, uint64_t bytes), void *arg)
{
	const struct glibc_segment *in = NULL;
	uint64_t at[ARENA_N_FASTBINS], misses;
	int64_t upwards = 0;
	uint32_t open = 0;

	memcache_drop(s->cache);
	misses = memcache_misses(s->cache);
	f->torn = false;
	f->cut = 0;
	for (unsigned int i = 0; i < ARENA_N_FASTBINS; i++) {
		at[i] = av->fastbins[i];
		open |= at[i] ? 1u << i : 0;
	}
	while (open) {
		unsigned int i = hindmost(at, open, in, upwards > 0);
		uint64_t before = at[i];
		int r = follow(s, av, f, i, &at[i], visit, arg);

		if (r < 0)
			return r;
		in = glibc_segment_of(av, before, CHUNK_MIN);
		if (r == 0)
			open &= ~(1u << i);
		else
			upwards += at[i] > before ? 1 : -1;
		if (memcache_misses(s->cache) - misses > f->misses_left) {
			f->cut |= open;
			open = 0;
		}
	}
	misses = memcache_misses(s->cache) - misses;
	f->misses_left -= misses < f->misses_left ? misses : f->misses_left;
	return 0;
}

bool glibc_fastbins_doubt(const struct glibc_fastbins *f, const struct glibc_arena *av,
			  uint64_t chunk, uint64_t bytes, uint64_t stored_fd)
{
	uint64_t bin = (bytes - CHUNK_MIN) / 16, safe = stored_fd ^ ((chunk + CHUNK_FD) >> 12);

	if (bin >= ARENA_N_FASTBINS || !(f->cut & (1u << bin)))
		return false;
	/* One in each bin ends it, and is let go: used chunks may well have a word of 0. */
	return (f->linking != GLIBC_LINKS_SAFE && is_place(av, stored_fd, bytes)) ||
	       (f->linking != GLIBC_LINKS_PLAIN && is_place(av, safe, bytes));
}

void glibc_fast_set_done(struct glibc_fast_set *set)
{
	free(set->bits);
	free(set->first_bit);
	*set = (struct glibc_fast_set){ 0 };
}

static uint64_t bit_of(const struct glibc_fast_set *set, uint64_t chunk)
{
	const struct glibc_segment *s = glibc_segment_of(set->av, chunk, CHUNK_MIN);

	if (!s)
		return UINT64_MAX;
	return set->first_bit[s - set->av->segments] + (chunk - s->first) / CHUNK_ALIGN;
}

/* -ENOSPC for one that is there: the chain has come back to itself. */
static int add(void *arg, uint64_t chunk, uint64_t bytes)
{
	struct glibc_fast_set *set = arg;
	uint64_t bit = bit_of(set, chunk);

	(void)bytes;
	if (bit == UINT64_MAX || set->bits[bit / 8] & (1u << bit % 8))
		return -ENOSPC;
	set->bits[bit / 8] |= (uint8_t)(1u << bit % 8);
	return 0;
}

bool glibc_fast_set_has(const struct glibc_fast_set *set, uint64_t chunk)
{
	uint64_t bit = set->bits ? bit_of(set, chunk) : UINT64_MAX;

	return bit != UINT64_MAX && set->bits[bit / 8] & (1u << bit % 8);
}

int glibc_fast_set_read(const struct glibc_source *s, const struct glibc_arena *av,
			struct glibc_fastbins *f, struct glibc_fast_set *ret)
{
	struct glibc_fast_set set = { .av = av };
	uint64_t bits = 0;
	int r;

	f->torn = false;
	f->cut = 0;
	*ret = set;
	for (unsigned int i = 0; i < ARENA_N_FASTBINS; i++)
		f->cut |= av->fastbins[i] ? 1u << i : 0;
	if (!f->cut)
		return 0;
	set.first_bit = calloc(av->n_segments + 1, sizeof(*set.first_bit));
	if (!set.first_bit)
		return -ENOMEM;
	for (size_t i = 0; i < av->n_segments; i++) {
		set.first_bit[i] = bits;
		bits += (av->segments[i].end - av->segments[i].first) / CHUNK_ALIGN + 1;
	}
	/* More than is ever walked: all bins stay cut. */
	if (bits > LIMIT_C_WALK_BYTES * 2 / CHUNK_ALIGN) {
		glibc_fast_set_done(&set);
		return 0;
	}
	set.bits = calloc(bits / 8 + 1, 1);
	r = set.bits ? glibc_fastbins_each(s, av, f, add, &set) : -ENOMEM;
	if (r < 0) {
		glibc_fast_set_done(&set);
		return r;
	}
	*ret = set;
	return 0;
}
