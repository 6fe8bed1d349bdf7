// SPDX-License-Identifier: Apache-2.0
#include "goruntime/gshape.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/span.h"
#include "model/goroutine.h"
#include "model/limits.h"

/* User addresses of amd64 Linux; the first page is never mapped. */
#define ADDR_MIN 4096u
#define ADDR_MAX (1ull << 47)
/* runtime/stack.go: stackMin, and the default of debug.SetMaxStack (1 GB) rounded up. */
#define STACK_MIN 2048u
#define STACK_MAX (1ull << 30)
#define GOID_MAX (1ull << 48)
/* A runtime.g of any release so far is below 500 bytes. */
#define G_SIZE_MAX 4096
#define SAMPLE 16
/*
 * runtime.main starts three that never end: the sweeper, the scavenger, the one that forces GC.
 * They stand at the beginning, where goroutines come and go at a million a second as well.
 */
#define LIVE_MIN 3
#define FIRST 6
#define CHUNK (256u << 10)
/* Looks at what could be a slice, in one search: a target must not keep us for ever. */
#define LOOKS_MAX (1u << 16)

static bool is_pointer(uint64_t v)
{
	return v >= ADDR_MIN && v < ADDR_MAX && v % 8 == 0;
}

bool gslice_plausible(const struct gslice *s)
{
	return is_pointer(s->array) && s->len > 0 && s->len <= s->cap &&
	       s->cap <= LIMIT_GOROUTINES;
}

enum shape { SHAPE_OTHER, SHAPE_UNUSED, SHAPE_G };

static enum shape shape_of(const struct go_layout *l, struct span g)
{
	uint32_t status = span_u32(&g, (uint32_t)l->g_status) & ~GSCAN;
	uint64_t lo = span_u64(&g, (uint32_t)l->g_stack_lo);
	uint64_t hi = span_u64(&g, (uint32_t)l->g_stack_hi);
	uint64_t goid = span_u64(&g, (uint32_t)l->g_goid);

	if (g.overrun || goid > GOID_MAX)
		return SHAPE_OTHER;
	switch (status) {
	case GO_IDLE:
	case GO_DEAD:
	case GO_DEADEXTRA:
		return SHAPE_UNUSED;	/* its stack may be gone, its goid not yet given */
	case GO_RUNNABLE:
	case GO_RUNNING:
	case GO_SYSCALL:
	case GO_WAITING:
	case GO_COPYSTACK:
	case GO_PREEMPTED:
	case GO_LEAKED:
		break;
	default:
		return SHAPE_OTHER;
	}
	if (!is_pointer(lo) || !is_pointer(hi) || hi < lo || hi - lo < STACK_MIN ||
	    hi - lo > STACK_MAX)
		return SHAPE_OTHER;
	return goid ? SHAPE_G : SHAPE_OTHER;
}

/* Of the i-th g that is looked at: the first ones, and then some from all over. */
static uint64_t slot_of(uint64_t i, uint64_t len)
{
	if (i < FIRST || len <= SAMPLE)
		return i;
	return FIRST + (i - FIRST) * ((len - FIRST) / (SAMPLE - FIRST));
}

int gslice_holds_goroutines(const struct go_layout *l, struct mem *m, const struct gslice *s)
{
	uint64_t n = s->len < SAMPLE ? s->len : SAMPLE;
	unsigned int shaped = 0, other = 0;
	uint8_t bytes[G_SIZE_MAX];

	if (!gslice_plausible(s) || l->g_size <= 0 || l->g_size > G_SIZE_MAX)
		return 0;
	for (uint64_t i = 0; i < n; i++) {
		uint64_t addr;
		int r = mem_read_u64(m, s->array + 8 * slot_of(i, s->len), &addr);

		if (r == 0 && !is_pointer(addr))
			return 0;
		if (r == 0)
			r = mem_read(m, addr, bytes, (size_t)l->g_size);
		if (r == -EFAULT)
			return 0;
		if (r < 0)
			return r;
		switch (shape_of(l, span_of(bytes, (size_t)l->g_size))) {
		case SHAPE_G:
			shaped++;
			break;
		case SHAPE_OTHER:
			other++;
			break;
		case SHAPE_UNUSED:
			break;
		}
	}
	return shaped >= LIVE_MIN && other * 4 <= shaped;
}

struct search {
	const struct go_layout *l;
	struct mem *m;
	int found;
	unsigned int looks;
	uint64_t at[2];
};

/* The slices that start in this chunk. */
static int search_chunk(struct search *q, uint64_t addr, struct span chunk)
{
	for (uint64_t off = 0; off + 24 <= chunk.len && q->found < 2; off += 8) {
		struct gslice s = {
			span_u64(&chunk, off),
			span_u64(&chunk, off + 8),
			span_u64(&chunk, off + 16),
		};
		int r;

		if (!gslice_plausible(&s))
			continue;
		if (++q->looks > LOOKS_MAX)
			return -EBADMSG;
		r = gslice_holds_goroutines(q->l, q->m, &s);
		if (r < 0)
			return r;
		if (r == 1)
			q->at[q->found++] = addr + off;
	}
	return 0;
}

static void free_bytes(uint8_t **bytes)
{
	free(*bytes);
}

int gslice_search(const struct go_layout *l, struct mem *m, uint64_t start, uint64_t end,
		  uint64_t ret[2])
{
	CLEANUP(free_bytes) uint8_t *bytes = malloc(CHUNK);
	struct search q = { .l = l, .m = m };

	if (!bytes)
		return -ENOMEM;
	/* Neighbouring chunks share two words: a slice may begin in the last ones of the first. */
	for (uint64_t at = start; at < end && end - at >= 24 && q.found < 2; at += CHUNK - 16) {
		size_t len = end - at < CHUNK ? end - at : CHUNK;
		int r = mem_read(m, at, bytes, len);

		if (r == 0)
			r = search_chunk(&q, at, span_of(bytes, len));
		if (r < 0 && r != -EFAULT)
			return r;
		if (len < CHUNK)
			break;
	}
	memcpy(ret, q.at, (size_t)q.found * sizeof(q.at[0]));
	return q.found;
}
