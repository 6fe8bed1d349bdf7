// SPDX-License-Identifier: Apache-2.0
/* The walkers of the Go heap, on a heap in an array and with values that no runtime has. */
#include "../unit.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "heap_world.h"
#include "model/limits.h"

/* One for all cases: each builds it anew. */
static struct heap_world world;

static struct heap_world *build(void)
{
	heap_world_build(&world);
	return &world;
}

static void done(struct heap_world **w)
{
	heap_world_close(*w);
}

static void must_open(struct heap_world *w)
{
	struct diag d = DIAG_INIT;

	if (heap_world_open(w, &d) < 0)
		fail_msg("%s", d.why);
}

static size_t read_spans(struct heap_world *w, const struct go_span **spans)
{
	size_t n;

	assert_int_equal(go_heap_spans(w->heap, spans, &n, NULL), 0);
	return n;
}

static const struct go_heap_dropped *dropped(const struct heap_world *w)
{
	return go_heap_dropped(w->heap);
}

static void spans_in_use_come_by_address(void **state)
{
	CLEANUP(done) struct heap_world *w = build();
	const struct go_span *s;
	uint64_t swap = w->allspans[0];

	(void)state;
	w->allspans[0] = w->allspans[HW_MANUAL];
	w->allspans[HW_MANUAL] = swap;
	must_open(w);
	assert_int_equal(read_spans(w, &s), HW_SMALL + 2);
	for (size_t i = 0; i < HW_SMALL; i++) {
		assert_int_equal(s[i].base, HW_HEAP + i * HW_PAGE);
		assert_int_equal(s[i].bytes, HW_PAGE);
		assert_int_equal(s[i].class, HW_CLASS);
		assert_int_equal(s[i].elem_size, HW_ELEM);
		assert_int_equal(s[i].n_elems, 170);
		assert_int_equal(s[i].alloc_count, 100);
		assert_int_equal(s[i].free_index, 50);
		assert_int_equal(s[i].noscan, i % 2);
		assert_int_equal(s[i].addr, heap_world_addr(w, (int)i));
	}
	assert_int_equal(s[HW_LARGE].large_type, 0x500000);
	assert_int_equal(s[HW_LARGE].elem_size, 8 * HW_PAGE);
	assert_int_equal(s[HW_MANUAL].state, GO_SPAN_MANUAL);
	assert_int_equal(s[HW_MANUAL].bytes, 4 * HW_PAGE);
	assert_int_equal(dropped(w)->absurd + dropped(w)->overlapping + dropped(w)->unreadable, 0);
}

static void a_slot_is_free_behind_the_index_where_its_bit_is_clear(void **state)
{
	CLEANUP(done) struct heap_world *w = build();
	const struct go_span *s;
	struct go_slots slots;

	(void)state;
	must_open(w);
	read_spans(w, &s);
	w->gc_bits[(16 + 64 * 3) / 8] = 1ull << 51 | 1;
	assert_int_equal(go_heap_slots_read(w->rt.live, &s[3], &slots), 0);
	assert_false(go_heap_slots_free(&slots, s[3].base + 49 * HW_ELEM));
	assert_true(go_heap_slots_free(&slots, s[3].base + 50 * HW_ELEM));
	assert_false(go_heap_slots_free(&slots, s[3].base + 51 * HW_ELEM + 8));
	assert_true(go_heap_slots_free(&slots, s[3].base + 170 * HW_ELEM - 1));
	/* Behind the last one there is none. */
	assert_false(go_heap_slots_free(&slots, s[3].base + 170 * HW_ELEM));
	heap_world_span(w, 3, w->l.span_freeindex, 53, 2);
	assert_true(go_heap_slots_now(w->heap, &s[3], &slots));
	assert_false(go_heap_slots_free(&slots, s[3].base + 52 * HW_ELEM));
	assert_true(go_heap_slots_free(&slots, s[3].base + 53 * HW_ELEM));
	heap_world_span(w, 3, w->l.span_elem_size, 2 * HW_ELEM, 8);
	assert_false(go_heap_slots_now(w->heap, &s[3], &slots));
	assert_false(go_heap_slots_free(&slots, s[3].base + 53 * HW_ELEM));
	heap_world_span(w, 4, w->l.span_alloc_bits, 0x100000, 8);
	assert_false(go_heap_slots_now(w->heap, &s[4], &slots));
}

static void absurd_spans_are_left_out_and_counted(void **state)
{
	CLEANUP(done) struct heap_world *w = build();
	const struct go_heap_layout *l = &w->l;
	const struct {
		int32_t off;
		uint64_t v;
		size_t len;
	} wrong[] = {
		{ l->span_start, HW_HEAP + 1, 8 },
		{ l->span_start, 0, 8 },
		{ l->span_start, 1ull << 63, 8 },
		{ l->span_npages, 0, 8 },
		{ l->span_npages, 1ull << 60, 8 },
		{ l->span_npages, UINT64_MAX, 8 },
		{ l->span_state, 3, 1 },
		{ l->span_class, 0xff, 1 },
		{ l->span_class, 6 << 1, 1 },
		{ l->span_elem_size, 0, 8 },
		{ l->span_elem_size, UINT64_MAX, 8 },
		{ l->span_nelems, 0, 2 },
		{ l->span_nelems, 171, 2 },
		{ l->span_alloc_count, 171, 2 },
		{ l->span_freeindex, 171, 2 },
		{ l->span_alloc_bits, 0, 8 },
		{ l->span_alloc_bits, UINT64_MAX, 8 },
	};
	const struct go_span *s;

	(void)state;
	must_open(w);
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		heap_world_span(w, (int)i, wrong[i].off, wrong[i].v, wrong[i].len);
	assert_int_equal(read_spans(w, &s), HW_SMALL + 2 - ARRAY_SIZE(wrong));
	assert_int_equal(dropped(w)->absurd, ARRAY_SIZE(wrong));
}

static void pointers_to_nowhere_are_counted(void **state)
{
	CLEANUP(done) struct heap_world *w = build();
	const struct go_span *s;

	(void)state;
	must_open(w);
	w->allspans[0] = 0;
	w->allspans[1] += 4;
	w->allspans[2] = UINT64_MAX - 7;
	w->allspans[3] = 0x111111111000;
	assert_int_equal(read_spans(w, &s), HW_SMALL + 2 - 4);
	assert_int_equal(dropped(w)->absurd, 3);
	assert_int_equal(dropped(w)->unreadable, 1);
}

static void a_list_that_is_longer_than_memory_is_given_up(void **state)
{
	static const uint64_t lengths[] = { 1000, LIMIT_GO_SPANS, 1ull << 40 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		CLEANUP(done) struct heap_world *w = build();
		const struct go_span *s;

		must_open(w);
		heap_world_mheap(w, w->l.heap_allspans + 8, lengths[i]);
		heap_world_mheap(w, w->l.heap_allspans + 16, lengths[i]);
		assert_int_equal(read_spans(w, &s), 0);
		assert_int_equal(dropped(w)->unreadable + dropped(w)->beyond, lengths[i]);
	}
}

/* As after a peak: what is alive is far apart. */
static void a_heap_of_nearly_all_dead_spans_is_one(void **state)
{
	CLEANUP(done) struct heap_world *w = build();
	struct diag d = DIAG_INIT;

	(void)state;
	heap_world_mheap(w, w->l.heap_allspans + 8, ARRAY_SIZE(w->allspans));
	heap_world_mheap(w, w->l.heap_allspans + 16, ARRAY_SIZE(w->allspans));
	for (size_t i = 0; i < ARRAY_SIZE(w->allspans); i++)
		w->allspans[i] = heap_world_addr(w, HW_DEAD);
	assert_int_equal(heap_world_open(w, &d), -EOPNOTSUPP);
	heap_world_close(w);
	for (int i = 0; i < HW_SMALL; i++)
		w->allspans[i * 16 + 1] = heap_world_addr(w, i);
	must_open(w);
}

static void a_length_over_the_capacity_is_no_list(void **state)
{
	CLEANUP(done) struct heap_world *w = build();
	const struct go_span *s;
	size_t n;

	(void)state;
	must_open(w);
	heap_world_mheap(w, w->l.heap_allspans + 8, 65);
	assert_int_equal(go_heap_spans(w->heap, &s, &n, NULL), -EBADMSG);
}

static void a_list_that_repeats_itself_counts_each_span_once(void **state)
{
	CLEANUP(done) struct heap_world *w = build();
	const struct go_span *s;

	(void)state;
	must_open(w);
	for (int i = 0; i < HW_SPANS; i++)
		w->allspans[i] = heap_world_addr(w, i % 2);
	assert_int_equal(read_spans(w, &s), 2);
	assert_int_equal(dropped(w)->overlapping, HW_SPANS - 2);
}

static void of_spans_that_overlap_the_one_that_the_arena_names_stays(void **state)
{
	CLEANUP(done) struct heap_world *w = build();
	const struct go_span *s;

	(void)state;
	must_open(w);
	/* 3 was freed and 4 took its page and its own, says the arena; 8 and 9 nobody names. */
	heap_world_span(w, 4, w->l.span_start, HW_HEAP + 3 * HW_PAGE, 8);
	heap_world_owner(w, 3, 4);
	heap_world_span(w, 9, w->l.span_start, HW_HEAP + 8 * HW_PAGE, 8);
	heap_world_owner(w, 8, 20);
	assert_int_equal(read_spans(w, &s), HW_SMALL + 2 - 3);
	assert_int_equal(dropped(w)->overlapping, 3);
	assert_int_equal(s[3].addr, heap_world_addr(w, 4));
	assert_int_equal(s[7].addr, heap_world_addr(w, 10));
}

static void a_span_over_all_others_does_not_hide_them(void **state)
{
	CLEANUP(done) struct heap_world *w = build();
	const struct go_span *s;

	(void)state;
	must_open(w);
	heap_world_span(w, HW_DEAD, w->l.span_state, GO_SPAN_MANUAL, 1);
	heap_world_span(w, HW_DEAD, w->l.span_start, HW_HEAP, 8);
	heap_world_span(w, HW_DEAD, w->l.span_npages, 1000, 8);
	assert_int_equal(read_spans(w, &s), HW_SMALL + 2);
	assert_int_equal(dropped(w)->overlapping, 1);
}

static bool opens(struct heap_world *w, const char *word)
{
	struct diag d = DIAG_INIT;
	int r = heap_world_open(w, &d);

	if (r == 0)
		return true;
	assert_int_equal(r, -EOPNOTSUPP);
	if (!strstr(d.why, word))
		fail_msg("%s", d.why);
	return false;
}

static void what_the_arenas_do_not_confirm_is_no_heap(void **state)
{
	CLEANUP(done) struct heap_world *w = build();

	(void)state;
	for (uint64_t page = 0; page < HW_USED_PAGES; page++)
		heap_world_owner(w, page, HW_DEAD);
	assert_false(opens(w, "table"));
}

static void spans_of_free_pages_are_no_heap(void **state)
{
	CLEANUP(done) struct heap_world *w = build();

	(void)state;
	w->chunk_bits[0] = 0;
	assert_false(opens(w, "holds free"));
}

static void other_words_are_no_heap(void **state)
{
	static const uint64_t slices[][3] = {
		{ HW_ALLSPANS, HW_SPANS, HW_SPANS - 1 }, { HW_ALLSPANS + 1, HW_SPANS, 64 },
		{ HW_ALLSPANS, 7, 64 },	 { HW_ALLSPANS, 1ull << 40, 1ull << 40 },
		{ 0x1000, HW_SPANS, 64 }, { UINT64_MAX, UINT64_MAX, UINT64_MAX },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(slices); i++) {
		CLEANUP(done) struct heap_world *w = build();

		for (int k = 0; k < 3; k++)
			heap_world_mheap(w, w->l.heap_allspans + 8 * k, slices[i][k]);
		assert_false(opens(w, "Go heap"));
	}
}

static void a_release_without_a_layout_is_refused(void **state)
{
	struct go_heap_layout l;
	struct diag d = DIAG_INIT;

	(void)state;
	assert_int_equal(heap_layout_lookup(17, 0, &l, &d), -EOPNOTSUPP);
	assert_int_equal(heap_layout_lookup(99, 0, &l, &d), -EOPNOTSUPP);
	for (int minor = 18; minor <= 27; minor++)
		assert_int_equal(heap_layout_lookup(minor, 99, &l, &d), 0);
}

static uint64_t bytes_of(const struct heap_world *w, enum go_range_kind kind)
{
	uint64_t sum = 0, end = 0;

	for (size_t i = 0; i < w->heap->n_ranges; i++) {
		const struct go_range *r = &w->heap->ranges[i];

		assert_true(r->start >= end && r->start < r->end);
		end = r->end;
		if (r->kind == kind)
			sum += r->end - r->start;
	}
	return sum;
}

static void read_ranges(struct heap_world *w)
{
	const struct go_range *r;
	size_t n;

	assert_int_equal(go_heap_ranges(w->heap, &r, &n, NULL), 0);
}

static void ranges_are_what_spans_and_page_bits_say(void **state)
{
	CLEANUP(done) struct heap_world *w = build();
	const struct go_range *r;
	size_t n;

	(void)state;
	/* A page that is allocated, and of no span: in a cache; one given back among free ones. */
	w->chunk_bits[0] |= 1ull << 40;
	w->chunk_bits[8] |= 1ull << 50;
	must_open(w);
	assert_int_equal(go_heap_ranges(w->heap, &r, &n, NULL), 0);
	assert_int_equal(r[0].start, HW_HEAP);
	assert_int_equal(r[0].kind, GO_RANGE_HEAP);
	assert_int_equal(r[0].end, HW_HEAP + (HW_SMALL + 8) * HW_PAGE);
	assert_int_equal(r[1].kind, GO_RANGE_STACKS);
	assert_int_equal(r[2].kind, GO_RANGE_FREE);
	assert_int_equal(r[3].kind, GO_RANGE_SCAVENGED);
	assert_int_equal(r[3].start, HW_HEAP + 50 * HW_PAGE);
	assert_int_equal(bytes_of(w, GO_RANGE_HEAP), (HW_SMALL + 8) * HW_PAGE);
	assert_int_equal(bytes_of(w, GO_RANGE_STACKS), 4 * HW_PAGE);
	assert_int_equal(bytes_of(w, GO_RANGE_FREE), (64 - HW_USED_PAGES - 1) * HW_PAGE);
	assert_int_equal(bytes_of(w, GO_RANGE_SCAVENGED), (HW_CHUNKS * 512 - 64 + 1) * HW_PAGE);
	assert_int_equal(bytes_of(w, GO_RANGE_RESERVED), (64 << 20) - (HW_CHUNKS << 22));
	assert_int_equal(bytes_of(w, GO_RANGE_GC_BITS), 64 << 10);
	/* A chunk, and the profiles' hash table. */
	assert_int_equal(bytes_of(w, GO_RANGE_PERSISTENT), (256 << 10) + (352 << 12));
	/* The allspans array, the index of arenas, one arena's record, each in whole pages. */
	assert_int_equal(bytes_of(w, GO_RANGE_SPANS),
			 4096 + (32 << 20) + (((uint64_t)w->l.arena_size + 4095) & ~4095ull));
	assert_int_equal(bytes_of(w, GO_RANGE_PAGES), (1 << 20) + (8 << 14));
}

static void lists_without_an_end_are_walked_once(void **state)
{
	CLEANUP(done) struct heap_world *w = build();
	uint64_t self = HW_PERSISTENT;

	(void)state;
	memcpy(w->persistent, &self, 8);
	w->gc_bits[1] = HW_GC_BITS;
	w->at.profile = 0;
	must_open(w);
	read_ranges(w);
	assert_int_equal(bytes_of(w, GO_RANGE_PERSISTENT), 256 << 10);
	assert_int_equal(bytes_of(w, GO_RANGE_GC_BITS), 64 << 10);
	assert_int_equal(dropped(w)->beyond, 2);
}

static void lists_that_hold_no_span_are_not_the_runtimes(void **state)
{
	CLEANUP(done) struct heap_world *w = build();
	uint64_t other = HW_LISTS;

	(void)state;
	memcpy(w->heads, &other, 8);
	w->lists[0] = 0;
	w->at.profile = 0;
	must_open(w);
	read_ranges(w);
	assert_int_equal(bytes_of(w, GO_RANGE_PERSISTENT), 0);
	assert_true(dropped(w)->absurd > 0);
}

static void metadata_never_covers_the_heap(void **state)
{
	CLEANUP(done) struct heap_world *w = build();
	int32_t summary = w->l.heap_pages + w->l.pages_summary;

	(void)state;
	heap_world_mheap(w, summary, HW_HEAP - 4096);
	heap_world_mheap(w, summary + 24, 4096);
	heap_world_mheap(w, summary + 24 + 16, 1ull << 45);
	must_open(w);
	read_ranges(w);
	assert_int_equal(bytes_of(w, GO_RANGE_HEAP), (HW_SMALL + 8) * HW_PAGE);
	assert_int_equal(bytes_of(w, GO_RANGE_PAGES), 1 << 20);
	assert_int_equal(dropped(w)->overlapping, 1);
	assert_int_equal(dropped(w)->absurd, 1);
}

static void page_ranges_that_make_no_sense_are_left_out(void **state)
{
	static const uint64_t ranges[][2] = {
		{ HW_HEAP + 8192, HW_HEAP + (4 << 20) },	{ HW_HEAP + (4 << 20), HW_HEAP },
		{ 0, 1ull << 63 },	{ 0, 1ull << 47 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ranges); i++) {
		CLEANUP(done) struct heap_world *w = build();

		must_open(w);
		memcpy(w->lists, ranges[i], 16);
		read_ranges(w);
		assert_int_equal(bytes_of(w, GO_RANGE_HEAP), (HW_SMALL + 8) * HW_PAGE);
		assert_int_equal(bytes_of(w, GO_RANGE_FREE), 0);
		assert_int_equal(dropped(w)->absurd + (dropped(w)->beyond > 0), 1);
	}
}

static void bits_that_cannot_be_read_say_nothing(void **state)
{
	CLEANUP(done) struct heap_world *w = build();

	(void)state;
	must_open(w);
	/* 100 chunks of 4 MiB more than there are bits. */
	w->lists[1] += 400ull << 20;
	read_ranges(w);
	assert_int_equal(bytes_of(w, GO_RANGE_HEAP), (HW_SMALL + 8) * HW_PAGE);
	assert_int_equal(bytes_of(w, GO_RANGE_SCAVENGED), 0);
	assert_int_equal(dropped(w)->unreadable, HW_CHUNKS + 100);
}

static struct go_memstats read_memstats(struct heap_world *w)
{
	struct go_memstats m;

	assert_int_equal(go_memstats_read(w->heap, &m, NULL), 0);
	return m;
}

static void memstats_come_out_of_sums_and_spans(void **state)
{
	CLEANUP(done) struct heap_world *w = build();
	uint64_t live = HW_SMALL * 100 * HW_ELEM + 8 * HW_PAGE;
	struct go_memstats m;

	(void)state;
	must_open(w);
	m = read_memstats(w);
	assert_true(m.stable);
	assert_int_equal(m.heap_alloc_bytes, live);
	assert_int_equal(m.alloc_bytes, live);
	assert_int_equal(m.total_alloc_bytes, live + 500 * HW_ELEM + 12 * HW_PAGE);
	assert_int_equal(m.heap_objects, HW_SMALL * 100 + 1);
	assert_int_equal(m.frees, 500 + 1 + 7);
	assert_int_equal(m.mallocs, m.frees + m.heap_objects);
	assert_int_equal(m.by_size[HW_CLASS].mallocs, HW_SMALL * 100 + 500);
	assert_int_equal(m.heap_inuse_bytes, (HW_SMALL + 8) * HW_PAGE);
	assert_int_equal(m.heap_sys_bytes, (HW_CHUNKS * 512 - 4) * HW_PAGE);
	assert_int_equal(m.heap_idle_bytes, m.heap_sys_bytes - m.heap_inuse_bytes);
	assert_int_equal(m.heap_released_bytes, (HW_CHUNKS * 512 - HW_SCAVENGED_PAGE) * HW_PAGE);
	assert_int_equal(m.stack_inuse_bytes, 3 * HW_PAGE);
	assert_int_equal(m.stack_sys_bytes, 3 * HW_PAGE + 10);
	assert_int_equal(m.gc_sys_bytes, HW_PAGE + 50);
	assert_int_equal(m.sys_bytes, HW_CHUNKS * 512 * HW_PAGE + 210);
	assert_int_equal(m.num_gc, 9);
	assert_int_equal(m.num_forced_gc, 4);
	assert_int_equal(m.last_gc_age_ns, 4000);
	assert_int_equal(m.gogc, 100);
	assert_int_equal(m.memory_limit_bytes, INT64_MAX);
	assert_int_equal(m.next_gc_bytes, 5 << 20);
	assert_int_equal(m.mspan_inuse_bytes, HW_SPANS * w->l.span_size);
}

/* While sums move, the spans are of another time. */
static void sums_that_moved_since_are_told_as_they_are(void **state)
{
	CLEANUP(done) struct heap_world *w = build();
	int32_t second = w->l.memstats_heap_stats + w->l.stats_size;
	const struct go_span *s;
	struct go_memstats m;

	(void)state;
	must_open(w);
	read_spans(w, &s);
	heap_world_memstats(w, second + w->l.stats_small_allocs + 8 * HW_CLASS, 10000);
	m = read_memstats(w);
	assert_false(m.stable);
	assert_int_equal(m.by_size[HW_CLASS].mallocs, 10000);
	assert_int_equal(m.heap_objects, 10000 - 500 + 1);
}

static void sums_that_no_heap_has_are_unknown(void **state)
{
	CLEANUP(done) struct heap_world *w = build();
	int32_t second = w->l.memstats_heap_stats + w->l.stats_size;
	const struct {
		int32_t off;
		uint64_t v;
	} wrong[] = {
		{ w->l.stats_in_heap, UINT64_MAX },
		{ w->l.stats_in_heap, 1ull << 50 },
		{ w->l.stats_in_heap, 12345 },
		{ w->l.stats_in_heap, 200ull << 20 },
		{ w->l.stats_committed, 0 },
		{ w->l.stats_released, 1ull << 50 },
		{ w->l.stats_in_stacks, 1ull << 40 },
		{ w->l.stats_large_alloc, 0 },
		{ w->l.stats_large_frees, 3 },
		{ w->l.stats_small_frees + 8 * 7, 1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct go_memstats m;

		w = build();
		heap_world_memstats(w, second + wrong[i].off, wrong[i].v);
		must_open(w);
		m = read_memstats(w);
		assert_int_equal(m.heap_alloc_bytes, GO_MEM_UNKNOWN);
		assert_int_equal(m.sys_bytes, GO_MEM_UNKNOWN);
		assert_int_equal(m.n_by_size, 0);
		assert_false(m.stable);
		/* What does not hang on the sums stays. */
		assert_int_equal(m.gogc, 100);
		heap_world_close(w);
	}
}

/* In Go 1.18 the sums' size is not certain: a little off is not good enough. */
static void sums_of_go_1_18_must_be_exact(void **state)
{
	(void)state;
	for (int minor = 18; minor <= 19; minor++) {
		CLEANUP(done) struct heap_world *w = build();
		struct go_memstats m;

		heap_world_mheap(w, w->l.heap_pages_in_use, HW_SMALL + 9);
		w->l.minor = minor;
		must_open(w);
		m = read_memstats(w);
		assert_false(m.stable);
		if (minor == 18)
			assert_int_equal(m.heap_inuse_bytes, GO_MEM_UNKNOWN);
		else
			assert_int_equal(m.heap_inuse_bytes, (HW_SMALL + 8) * HW_PAGE);
	}
}

static void a_controller_that_does_not_fit_itself_is_none(void **state)
{
	CLEANUP(done) struct heap_world *w = build();
	struct go_memstats m;

	(void)state;
	heap_world_controller(w, w->l.gc_heap_minimum, 3 << 20);
	must_open(w);
	m = read_memstats(w);
	assert_int_equal(m.gogc, GO_GOGC_UNKNOWN);
	assert_int_equal(m.next_gc_bytes, GO_MEM_UNKNOWN);
	assert_int_equal(m.memory_limit_bytes, GO_MEM_UNKNOWN);
	assert_int_equal(m.num_gc, 9);
}

static void what_was_not_found_is_unknown(void **state)
{
	CLEANUP(done) struct heap_world *w = build();
	struct go_memstats m;

	(void)state;
	w->at.memstats = 0;
	w->at.controller = 0;
	w->at.chunks = 0;
	w->at.gc_bits = 0;
	w->at.profile = 0;
	must_open(w);
	m = read_memstats(w);
	assert_int_equal(m.heap_inuse_bytes, GO_MEM_UNKNOWN);
	assert_int_equal(m.num_gc, GO_MEM_UNKNOWN);
	assert_int_equal(m.gogc, GO_GOGC_UNKNOWN);
	assert_true(isnan(m.gc_cpu_fraction));
	read_ranges(w);
	assert_int_equal(bytes_of(w, GO_RANGE_PERSISTENT), 0);
	assert_int_equal(bytes_of(w, GO_RANGE_HEAP), (HW_SMALL + 8) * HW_PAGE);
}

static void without_a_collection_and_with_gogc_off_there_is_no_goal(void **state)
{
	CLEANUP(done) struct heap_world *w = build();
	struct go_memstats m;

	(void)state;
	heap_world_controller(w, w->l.gc_percent, UINT32_MAX);
	heap_world_controller(w, w->l.gc_heap_minimum, (4ull << 20) * UINT64_MAX / 100);
	heap_world_controller(w, w->l.gc_heap_goal, UINT64_MAX);
	heap_world_memstats(w, w->l.memstats_last_gc, 0);
	must_open(w);
	m = read_memstats(w);
	assert_int_equal(m.gogc, -1);
	assert_int_equal(m.next_gc_bytes, GO_NEXT_GC_NEVER);
	assert_int_equal(m.last_gc_age_ns, GO_MEM_UNKNOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(spans_in_use_come_by_address),
		cmocka_unit_test(a_slot_is_free_behind_the_index_where_its_bit_is_clear),
		cmocka_unit_test(absurd_spans_are_left_out_and_counted),
		cmocka_unit_test(pointers_to_nowhere_are_counted),
		cmocka_unit_test(a_list_that_is_longer_than_memory_is_given_up),
		cmocka_unit_test(a_heap_of_nearly_all_dead_spans_is_one),
		cmocka_unit_test(a_length_over_the_capacity_is_no_list),
		cmocka_unit_test(a_list_that_repeats_itself_counts_each_span_once),
		cmocka_unit_test(of_spans_that_overlap_the_one_that_the_arena_names_stays),
		cmocka_unit_test(a_span_over_all_others_does_not_hide_them),
		cmocka_unit_test(what_the_arenas_do_not_confirm_is_no_heap),
		cmocka_unit_test(spans_of_free_pages_are_no_heap),
		cmocka_unit_test(other_words_are_no_heap),
		cmocka_unit_test(a_release_without_a_layout_is_refused),
		cmocka_unit_test(ranges_are_what_spans_and_page_bits_say),
		cmocka_unit_test(lists_without_an_end_are_walked_once),
		cmocka_unit_test(lists_that_hold_no_span_are_not_the_runtimes),
		cmocka_unit_test(metadata_never_covers_the_heap),
		cmocka_unit_test(page_ranges_that_make_no_sense_are_left_out),
		cmocka_unit_test(bits_that_cannot_be_read_say_nothing),
		cmocka_unit_test(memstats_come_out_of_sums_and_spans),
		cmocka_unit_test(sums_that_moved_since_are_told_as_they_are),
		cmocka_unit_test(sums_that_no_heap_has_are_unknown),
		cmocka_unit_test(sums_of_go_1_18_must_be_exact),
		cmocka_unit_test(a_controller_that_does_not_fit_itself_is_none),
		cmocka_unit_test(what_was_not_found_is_unknown),
		cmocka_unit_test(without_a_collection_and_with_gogc_off_there_is_no_goal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
