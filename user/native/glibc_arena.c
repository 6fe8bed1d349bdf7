// SPDX-License-Identifier: Apache-2.0
#include "native/glibc_arena.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/span.h"
#include "model/limits.h"
#include "target/maps.h"

enum { READ_TRIES = 5 };

bool glibc_fatal(int err)
{
	return err == -ESRCH || err == -EPERM || err == -ENOMEM;
}

bool glibc_wait(const struct glibc_source *s)
{
	struct timespec t = { .tv_nsec = 500000 };

	if (!s->waits || !*s->waits)
		return false;
	--*s->waits;
	nanosleep(&t, NULL);
	return true;
}

bool glibc_in_data(const struct glibc_source *s, uint64_t addr, uint64_t len)
{
	const struct mapping *m = maps_find(s->maps, addr), *end = s->maps->all + s->maps->n;

	/* madvise() and the like cut one piece of memory into mappings that touch. */
	for (; m && m < end && m->readable && m->writable && m->start <= addr; m++) {
		if (len <= m->end - addr)
			return true;
		len -= m->end - addr;
		addr = m->end;
	}
	return false;
}

static bool chunk_like(const struct glibc_source *s, uint64_t addr)
{
	return addr % CHUNK_ALIGN == 0 && glibc_in_data(s, addr, CHUNK_MIN);
}

/* An arena that has never given anything: malloc_init_state() made it, and no more. */
static bool is_unused(struct span *state, uint64_t addr)
{
	return span_u64(state, ARENA_SYSTEM) == 0 &&
	       span_u64(state, ARENA_TOP) == ARENA_BIN_CHUNK(addr, 1);
}

static bool bin_makes_sense(const struct glibc_source *s, struct span *state, uint64_t addr,
			    unsigned int bin)
{
	uint64_t at = ARENA_BINS + 16 * ((uint64_t)bin - 1);
	uint64_t fd = span_u64(state, at), bk = span_u64(state, at + 8);
	uint64_t self = ARENA_BIN_CHUNK(addr, bin);

	/* One of them alone while a chunk goes in or out. */
	return (fd == self || chunk_like(s, fd)) && (bk == self || chunk_like(s, bk));
}

static bool system_makes_sense(struct span *state)
{
	uint64_t system = span_u64(state, ARENA_SYSTEM), max = span_u64(state, ARENA_MAX_SYSTEM);

	return system <= max && max < GLIBC_MAX_BYTES;
}

/* Everything that the struct alone says. `state` holds ARENA_BYTES. */
static bool state_makes_sense(const struct glibc_source *s, struct span *state, uint64_t addr)
{
	bool unused = is_unused(state, addr);

	if (!system_makes_sense(state) ||
	    !glibc_in_data(s, span_u64(state, ARENA_NEXT), ARENA_BYTES))
		return false;
	if (!unused && (!span_u64(state, ARENA_SYSTEM) ||
			!chunk_like(s, span_u64(state, ARENA_TOP))))
		return false;
	for (unsigned int i = 1; i <= ARENA_N_BINS; i++)
		if (!bin_makes_sense(s, state, addr, i))
			return false;
	return true;
}

/* The top chunk ends where the memory does, at the end of a page. */
static int read_top(const struct glibc_source *s, struct span *state, uint64_t *top,
		    uint64_t *bytes)
{
	uint64_t size;
	int r;

	*top = span_u64(state, ARENA_TOP);
	r = mem_read_u64(s->mem, *top + CHUNK_SIZE, &size);
	if (r < 0)
		return r;
	*bytes = size & ~(uint64_t)CHUNK_FLAGS;
	if ((size & CHUNK_FLAGS) != CHUNK_PREV_IN_USE || *bytes < CHUNK_MIN ||
	    *bytes > GLIBC_MAX_BYTES || (*top + *bytes) % GLIBC_PAGE != 0 ||
	    !glibc_in_data(s, *top, *bytes))
		return -EBADMSG;
	return 0;
}

/* 1 when it is an arena, 0 when not. Errors: glibc_fatal(). */
static int is_arena(const struct glibc_source *s, uint64_t addr)
{
	uint8_t bytes[ARENA_BYTES];
	struct span state = span_of(bytes, sizeof(bytes));

	for (int i = 0; i < 3; i++) {
		int r = mem_read(s->mem, addr, bytes, sizeof(bytes));

		if (r < 0)
			return glibc_fatal(r) ? r : 0;
		if (state_makes_sense(s, &state, addr))
			return 1;
	}
	return 0;
}

/* What few words say: nearly all places fail here. `at` within the bytes of a mapping. */
static bool may_be_arena(const struct glibc_source *s, struct span *bytes, uint64_t at,
			 uint64_t addr)
{
	struct span state = span_of(bytes->data + at, ARENA_BYTES);
	unsigned int self = 0;

	if (!system_makes_sense(&state) || span_u64(&state, ARENA_NEXT) % 16 != 0 ||
	    span_u64(&state, ARENA_NEXT) == 0 || span_u64(&state, ARENA_TOP) % 16 != 0)
		return false;
	for (unsigned int i = 1; i <= ARENA_N_BINS; i++)
		self += span_u64(&state, ARENA_BINS + 16 * ((uint64_t)i - 1)) ==
			ARENA_BIN_CHUNK(addr, i);
	/* Of the small ones that nobody's sizes fall into some are always empty. */
	return self >= 8 && glibc_in_data(s, span_u64(&state, ARENA_NEXT), ARENA_BYTES);
}

/* 1 when the ring through addr closes. */
static int ring_closes(const struct glibc_source *s, uint64_t addr)
{
	uint64_t at = addr;

	for (unsigned int i = 0; i < LIMIT_C_ARENAS; i++) {
		int r = mem_read_u64(s->mem, at + ARENA_NEXT, &at);

		if (r < 0)
			return glibc_fatal(r) ? r : 0;
		if (at == addr)
			return 1;
		if (!glibc_in_data(s, at, ARENA_BYTES))
			return 0;
	}
	return 0;
}

int glibc_read_data(const struct glibc_source *s, const struct mapping *data, uint8_t **ret,
		     size_t *len)
{
	uint8_t *bytes;
	int r;

	*ret = NULL;
	*len = data->end - data->start;
	if (*len > LIMIT_C_DATA_BYTES || *len < ARENA_BYTES)
		return 0;
	bytes = malloc(*len);
	if (!bytes)
		return -ENOMEM;
	r = mem_read(s->mem, data->start, bytes, *len);
	if (r < 0) {
		free(bytes);
		return glibc_fatal(r) ? r : 0;
	}
	*ret = bytes;
	return 0;
}

int glibc_find_main(const struct glibc_source *s, const struct mapping *data, uint64_t *ret)
{
	struct span bytes;
	uint8_t *buf;
	size_t len;
	int r = glibc_read_data(s, data, &buf, &len), found = 0;

	if (r < 0 || !buf)
		return r;
	bytes = span_of(buf, len);
	for (uint64_t at = 0; at + ARENA_BYTES <= len && r >= 0; at += 8) {
		uint64_t addr = data->start + at;

		if (!may_be_arena(s, &bytes, at, addr))
			continue;
		r = is_arena(s, addr);
		if (r == 1)
			r = ring_closes(s, addr);
		if (r == 1) {
			*ret = addr;
			found++;
		}
	}
	free(buf);
	return r < 0 ? r : found;
}


int glibc_ring(const struct glibc_source *s, uint64_t main_arena, struct arena *a, uint64_t **ret,
	       size_t *n)
{
	uint64_t *all = NULL, at = main_arena;
	size_t k = 0, size = 0;

	do {
		int r;

		if (k == LIMIT_C_ARENAS || !glibc_in_data(s, at, ARENA_BYTES))
			return -EBADMSG;
		if (k == size) {
			uint64_t *more = arena_alloc(a, size ? size * 2 : 16, sizeof(*more));

			if (!more)
				return -ENOMEM;
			if (k)
				memcpy(more, all, k * sizeof(*all));
			all = more;
			size = size ? size * 2 : 16;
		}
		all[k++] = at;
		r = mem_read_u64(s->mem, at + ARENA_NEXT, &at);
		if (r < 0)
			return glibc_fatal(r) ? r : -EBADMSG;
	} while (at != main_arena);
	*ret = all;
	*n = k;
	return 0;
}

static void parse_arena(struct span *state, struct glibc_arena *av)
{
	av->system_bytes = span_u64(state, ARENA_SYSTEM);
	av->threads = (uint32_t)span_u64(state, ARENA_THREADS);
	for (unsigned int i = 0; i < ARENA_N_FASTBINS; i++)
		av->fastbins[i] = span_u64(state, ARENA_FASTBINS + 8 * (uint64_t)i);
	for (unsigned int i = 1; i <= ARENA_N_BINS; i++) {
		uint64_t fd = span_u64(state, ARENA_BINS + 16 * ((uint64_t)i - 1));

		av->bins[i] = fd == ARENA_BIN_CHUNK(av->addr, i) ? 0 : fd;
	}
}

int glibc_arena_read(const struct glibc_source *s, uint64_t addr, bool is_main,
		     const struct glibc_params *p, struct arena *a, struct glibc_arena *ret)
{
	struct glibc_arena av = { .addr = addr, .is_main = is_main };
	uint8_t bytes[ARENA_BYTES];
	struct span state = span_of(bytes, sizeof(bytes));
	int r = -EAGAIN;

	for (int i = 0; i < READ_TRIES; i++) {
		if (i > 1)
			glibc_wait(s);
		r = mem_read(s->mem, addr, bytes, sizeof(bytes));
		if (r < 0)
			return glibc_fatal(r) ? r : -EBADMSG;
		if (!state_makes_sense(s, &state, addr)) {
			r = -EAGAIN;
			continue;
		}
		parse_arena(&state, &av);
		if (is_unused(&state, addr))
			break;
		r = read_top(s, &state, &av.top, &av.top_bytes);
		/* A new top's header is written after the arena points to it. */
		if (r == -EBADMSG && i == READ_TRIES - 1)
			av.top_bytes = r = 0;
		if (r == 0)
			r = glibc_segments(s, &av, p, a);
		if (r == 0 || glibc_fatal(r))
			break;
	}
	if (r < 0)
		return r == -EFAULT ? -EAGAIN : r;
	*ret = av;
	return 0;
}

const struct glibc_segment *glibc_segment_of(const struct glibc_arena *av, uint64_t addr,
					     uint64_t len)
{
	size_t lo = 0, hi = av->n_segments;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (av->segments[mid].end <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == av->n_segments || addr < av->segments[lo].first ||
	    len > av->segments[lo].end - addr)
		return NULL;
	return &av->segments[lo];
}
