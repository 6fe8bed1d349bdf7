// SPDX-License-Identifier: Apache-2.0
/*
 * Does the process have a heap where and how we think? Sampled spans must be what their fields say,
 * and the arenas' table and the page allocator's bits, which are kept apart from them, must say so
 * too.
 */
#include <errno.h>
#include <unistd.h>

#include "goruntime/heap_state.h"

#define SAMPLE 128
/* Fewer spans in use than this among them say too little; so many more samples are taken then. */
#define IN_USE_MIN 8
#define ROUNDS 64
#define PASSES 3
/* Between two passes over a target that frees what we look at. */
#define PAUSE_US 1000
/* The smallest heap that there is (an init function that does nothing) has some 40 spans. */
#define SPANS_MIN 8
#define SPAN_STRUCT_MAX 512

struct look {
	unsigned int sampled;	/* entries of the list */
	unsigned int absurd;
	unsigned int in_use;	/* spans of objects */
	unsigned int unlisted;	/* of these: not what the arena's table says */
	unsigned int unallocated;	/* of these: of pages that the page allocator holds free */
};

/* Does the page allocator hold the page at addr for allocated? */
static bool is_allocated(struct go_heap *h, uint64_t addr)
{
	unsigned int page = (addr >> GO_PAGE_SHIFT) % GO_CHUNK_PAGES;
	uint64_t chunk, bits;

	return heap_chunk_of(h, addr, &chunk) == 0 &&
	       mem_read_u64(h->rt->live, chunk + page / 64 * 8, &bits) == 0 &&
	       (bits >> page % 64 & 1);
}

static void look_at(struct go_heap *h, uint64_t addr, struct look *l)
{
	uint8_t bytes[SPAN_STRUCT_MAX];
	struct go_span s;
	uint64_t listed;

	if (!addr || addr % 8 || addr >= GO_ADDRESS_END ||
	    mem_read(h->rt->live, addr, bytes, (size_t)h->layout.span_size) < 0) {
		l->absurd++;
		return;
	}
	switch (heap_span_parse(&h->layout, bytes, addr, &s)) {
	case HEAP_SPAN_ABSURD:
		l->absurd++;
		return;
	case HEAP_SPAN_DEAD:
		return;
	case HEAP_SPAN_OK:
		break;
	}
	if (s.state != GO_SPAN_IN_USE)
		return;
	l->in_use++;
	l->unlisted += heap_span_lookup(h, s.base, &listed) < 0 || listed != addr;
	l->unallocated += !is_allocated(h, s.base);
}

/* A race may spoil a few of a sample, a wrong layout spoils them all. */
static bool most(unsigned int bad, unsigned int of)
{
	return bad * 4 > of;
}

/* Each step-th span of the list. -ESRCH, -EPERM. */
static int sample(struct go_heap *h, const struct heap_slice *s, uint64_t from, uint64_t step,
		  struct look *l)
{
	for (uint64_t i = 0; i < SAMPLE && from + i * step < s->len; i++) {
		uint64_t span;
		int r = mem_read_u64(h->rt->live, s->array + 8 * (from + i * step), &span);

		if (r == -ESRCH || r == -EPERM)
			return r;
		l->sampled++;
		if (r < 0)
			l->absurd++;
		else
			look_at(h, span, l);
	}
	return 0;
}

static int pass(struct go_heap *h, struct diag *d)
{
	uint64_t at = h->at.mheap + (uint32_t)h->layout.heap_allspans;
	struct look l = { 0 };
	struct heap_slice s;
	uint64_t step;
	int r = heap_slice_read(h->rt->live, at, &s);

	if (r < 0 && r != -EBADMSG && r != -EFAULT)
		return r;
	if (r < 0 || s.len < SPANS_MIN)
		return diag_fail(d, -EOPNOTSUPP, "what was found is no list of a Go heap's spans");
	/* After a peak nearly all may be dead: then further ones beside those are looked at. */
	step = s.len > SAMPLE ? s.len / SAMPLE : 1;
	for (uint64_t from = 0; from < step && from < ROUNDS && l.in_use < IN_USE_MIN; from++) {
		r = sample(h, &s, from, step, &l);
		if (r < 0)
			return r;
	}
	if (most(l.absurd, l.sampled) || !l.in_use)
		return diag_fail(d, -EOPNOTSUPP,
				 "%u of %u spans of the Go heap, of which %u hold objects, are not "
				 "what Go 1.%d has",
				 l.absurd, l.sampled, l.in_use, h->layout.minor);
	if (most(l.unlisted, l.in_use))
		return diag_fail(d, -EOPNOTSUPP,
				 "%u of %u spans are not where the Go heap's table says",
				 l.unlisted, l.in_use);
	if (most(l.unallocated, l.in_use))
		return diag_fail(d, -EOPNOTSUPP,
				 "%u of %u spans are of pages that the Go heap holds free",
				 l.unallocated, l.in_use);
	return 0;
}

static int check_layout(const struct go_heap_layout *l, struct diag *d)
{
	int32_t count = l->span_nelems - l->span_freeindex;

	if (l->span_size <= 0 || l->span_size > SPAN_STRUCT_MAX || (count != 2 && count != 8) ||
	    l->chunk_size != (int32_t)GO_CHUNK_BYTES ||
	    l->chunk_scavenged != (int32_t)GO_CHUNK_BYTES / 2 ||
	    l->stats_small_frees - l->stats_large_frees != 8 ||
	    l->stats_large_free - l->stats_small_allocs != 8 * GO_SIZE_CLASSES)
		return diag_fail(d, -EOPNOTSUPP, "the Go heap of this release is not known");
	return 0;
}

int heap_validate(struct go_heap *h, struct diag *d)
{
	int r = check_layout(&h->layout, d);

	for (int i = 0; r == 0 && i < PASSES; i++) {
		if (i)
			usleep(PAUSE_US);
		r = pass(h, d);
		if (r != -EOPNOTSUPP)
			return r;
		r = i + 1 < PASSES ? 0 : r;
	}
	return r;
}
