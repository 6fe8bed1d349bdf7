// SPDX-License-Identifier: Apache-2.0
/* What the runtime maps beside the heap: its own records (runtime/malloc.go, mheap.go). */
#include <errno.h>
#include <stdlib.h>

#include "base/addrmap.h"
#include "base/cleanup.h"
#include "goruntime/heap_state.h"
#include "model/limits.h"

/* persistentChunkSize; larger pieces than 64 KiB are mappings of their own. */
#define PERSISTENT_CHUNK (256ull << 10)
#define PERSISTENT_MAX (64ull << 10)
/* gcBitsChunkBytes */
#define GC_BITS_ARENA (64ull << 10)
/* pageAlloc.summary: summaryLevels slices of 8-byte sums. */
#define SUMMARY_LEVELS 5
/* Nothing that is mapped for one purpose is longer: the longest summary has 2^26 words. */
#define LONGEST (1ull << 34)
/* buckHashSize, of pointers (runtime/mprof.go). */
#define PROFILE_BYTES (179999ull * 8)
#define PAGE 4096ull
#define SAMPLE 64

struct metadata {
	struct go_heap *h;
	const struct heap_ranges *heap;
	struct heap_ranges *out;
};

/* The first range of an ascending table that ends behind addr. */
static const struct go_range *find(const struct heap_ranges *r, uint64_t addr)
{
	size_t low = 0, high = r->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (r->all[mid].end > addr)
			high = mid;
		else
			low = mid + 1;
	}
	return low < r->n ? &r->all[low] : NULL;
}

static int add(struct metadata *m, uint64_t start, uint64_t bytes, enum go_range_kind kind)
{
	const struct go_range *heap;
	uint64_t end;

	if (!bytes)
		return 0;
	if (!start || start % PAGE || start >= GO_ADDRESS_END || bytes > LONGEST ||
	    bytes > GO_ADDRESS_END - start) {
		m->h->dropped.absurd++;
		return 0;
	}
	end = start + (bytes + PAGE - 1) / PAGE * PAGE;
	heap = find(m->heap, start);
	if (heap && heap->start < end) {
		m->h->dropped.overlapping++;
		return 0;
	}
	return heap_ranges_add(m->out, start, end, kind);
}

/* A slice's whole array: `element` bytes each. Unreadable or absurd ones are left out. */
static int add_slice(struct metadata *m, uint64_t at, uint64_t element, uint64_t least,
		     enum go_range_kind kind)
{
	struct heap_slice s;
	int r = heap_slice_read(m->h->rt->live, at, &s);

	if (r == -EBADMSG || (r == 0 && s.cap > LONGEST / element)) {
		m->h->dropped.absurd++;
		return 0;
	}
	if (r < 0 || s.cap * element < least)
		return r;
	return add(m, s.array, s.cap * element, kind);
}

/* Of each arena its record, and the second level of the page bits that it lies in. */
static int add_arena_records(struct metadata *m)
{
	CLEANUP(heap_words_free) uint64_t *arenas = NULL;
	uint64_t last_bits = 0;
	size_t n;
	int r = heap_arenas_read(m->h, &arenas, &n);

	for (size_t i = 0; r == 0 && i < n; i++) {
		uint64_t base = (arenas[i] << GO_ARENA_SHIFT) + GO_ARENA_BASE, at;

		if (arenas[i] >= GO_ARENAS || base >= GO_ADDRESS_END)
			continue;
		r = heap_arena_of(m->h, base, &at);
		if (r == 0)
			r = add(m, at, (uint32_t)m->h->layout.arena_size, GO_RANGE_SPANS);
		if (r == -ENOENT || r == -EFAULT)
			r = 0;
		if (r < 0 || heap_chunk_of(m->h, base, &at) < 0)
			continue;
		at -= GO_CHUNK_BYTES * (((base - GO_ARENA_BASE) >> GO_CHUNK_SHIFT) %
					(1u << GO_CHUNKS_L2_BITS));
		if (at != last_bits)
			r = add(m, at, (uint64_t)GO_CHUNK_BYTES << GO_CHUNKS_L2_BITS,
				GO_RANGE_PAGES);
		last_bits = at;
	}
	return r;
}

static int add_tables(struct metadata *m)
{
	const struct go_heap_layout *l = &m->h->layout;
	uint64_t heap = m->h->at.mheap, pages = heap + (uint32_t)l->heap_pages;
	int r = add_slice(m, heap + (uint32_t)l->heap_allspans, 8, 0, GO_RANGE_SPANS);

	/* Small ones lie in a chunk of persistentalloc(). */
	if (r == 0)
		r = add_slice(m, heap + (uint32_t)l->heap_arena_list, 8, PERSISTENT_MAX,
			      GO_RANGE_SPANS);
	if (r == 0)
		r = add(m, m->h->arenas, 8 * GO_ARENAS, GO_RANGE_SPANS);
	for (uint32_t i = 0; r == 0 && i < SUMMARY_LEVELS; i++)
		r = add_slice(m, pages + (uint32_t)l->pages_summary + i * sizeof(struct heap_slice),
			      8, 0, GO_RANGE_PAGES);
	/* Go 1.21: a word for each chunk; a bit before. */
	if (r == 0 && l->pages_scav_chunks >= 0)
		r = add_slice(m, pages + (uint32_t)l->pages_scav_chunks, l->minor < 21 ? 1 : 8, 0,
			      GO_RANGE_PAGES);
	return r == -EFAULT ? 0 : r;
}

/*
 * A list of blocks linked by the word at `link`, from the block that the variable at `head` points
 * to. It may change while we walk, so it ends where it makes no sense any more.
 */
static int add_list(struct metadata *m, uint64_t head, uint64_t link, uint64_t bytes,
		    enum go_range_kind kind)
{
	CLEANUP(addrmap_free_p) struct addrmap *seen = addrmap_new();
	uint64_t block;
	uint32_t i = 0, none;
	int r = seen ? mem_read_u64(m->h->rt->live, head, &block) : -ENOMEM;

	for (; r == 0 && block; i++) {
		uint64_t next;

		if (i == LIMIT_GO_BLOCKS || addrmap_get(seen, block, &none) == 0) {
			m->h->dropped.beyond++;
			return 0;
		}
		r = addrmap_put(seen, block, 0);
		if (r < 0)
			return r;
		if (block % PAGE || block >= GO_ADDRESS_END ||
		    mem_read_u64(m->h->rt->live, block + link, &next) < 0) {
			m->h->dropped.absurd++;
			return 0;
		}
		r = add(m, block, bytes, kind);
		block = next;
	}
	return r == -EFAULT ? 0 : r;
}

/* Do most of some spans have their struct (or bits) in ranges of that kind? */
static bool holds_spans(const struct metadata *m, enum go_range_kind kind)
{
	const struct go_heap *h = m->h;
	size_t step = h->n_spans > SAMPLE ? h->n_spans / SAMPLE : 1, tried = 0, inside = 0;

	for (size_t i = 0; i < h->n_spans; i += step) {
		const struct go_span *s = &h->spans[i];
		uint64_t addr = kind == GO_RANGE_GC_BITS ? s->alloc_bits : s->addr;
		const struct go_range *r = find(m->out, addr);

		if (s->state != GO_SPAN_IN_USE)
			continue;
		tried++;
		inside += r && r->start <= addr && r->kind == kind;
	}
	return 2 * inside >= tried;
}

static void drop_kind(struct metadata *m, enum go_range_kind kind)
{
	size_t n = 0;

	for (size_t i = 0; i < m->out->n; i++)
		if (m->out->all[i].kind != kind)
			m->out->all[n++] = m->out->all[i];
	m->h->dropped.absurd += m->out->n - n;
	m->out->n = n;
}

/* What is already told for something else is not the profiles' table. */
static int add_profile(struct metadata *m)
{
	const struct go_range *r;
	uint64_t table;
	int e = m->h->at.profile ? mem_read_u64(m->h->rt->live, m->h->at.profile, &table) : -EFAULT;

	if (e < 0 || !table)
		return e == -EFAULT ? 0 : e;
	r = find(m->out, table);
	if (r && r->start < table + PROFILE_BYTES)
		return 0;
	e = add(m, table, PROFILE_BYTES, GO_RANGE_PERSISTENT);
	heap_ranges_sort(m->out, &m->h->dropped.overlapping);
	return e;
}

int heap_metadata_ranges(struct go_heap *h, const struct heap_ranges *heap,
			 struct heap_ranges *ret)
{
	struct metadata m = { h, heap, ret };
	int r = add_tables(&m);

	if (r == 0)
		r = add_arena_records(&m);
	if (r == 0 && h->at.chunks)
		r = add_list(&m, h->at.chunks, 0, PERSISTENT_CHUNK, GO_RANGE_PERSISTENT);
	/* gcBitsArenas: a lock, and four lists of arenas: { free, next, bits }. */
	for (uint64_t i = 0; r == 0 && h->at.gc_bits && i < GC_BITS_LISTS; i++)
		r = add_list(&m, h->at.gc_bits + GC_BITS_FIRST + 8 * i, 8, GC_BITS_ARENA,
			     GO_RANGE_GC_BITS);
	if (r < 0)
		return r;
	heap_ranges_sort(ret, &h->dropped.overlapping);
	if (!holds_spans(&m, GO_RANGE_PERSISTENT))
		drop_kind(&m, GO_RANGE_PERSISTENT);
	if (!holds_spans(&m, GO_RANGE_GC_BITS))
		drop_kind(&m, GO_RANGE_GC_BITS);
	return add_profile(&m);
}
