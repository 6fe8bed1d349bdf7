// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "forged_heap.h"
#include "native/allocator.h"
#include "native/glibc_layout.h"

static const char *const new_name = "/usr/lib/libc.so.6", *const old_name = "/lib/libc-2.31.so";

struct answer {
	struct arena *a;
	struct c_memory m;
	const struct c_range *ranges;
	size_t n;
};

/* What must hold of every answer, whatever was read. */
static void check_answer(const struct answer *r)
{
	uint64_t last = 0;

	for (size_t i = 0; i < r->m.n_arenas; i++) {
		const struct c_arena *c = &r->m.arenas[i];

		assert_int_equal(c->system_bytes, c->used_bytes + c->free_bytes + c->fastbin_bytes +
							  c->top_bytes + c->unknown_bytes);
	}
	for (size_t i = 0; i < r->n; i++) {
		assert_true(r->ranges[i].start >= last && r->ranges[i].end > r->ranges[i].start);
		last = r->ranges[i].end;
	}
}

static struct answer read_named(struct forged_heap *h, const char *library, uint64_t walk,
				uint32_t chunks)
{
	CLEANUP(mem_close_p) struct mem *mem = forged_mem(h);
	CLEANUP(maps_free_p) struct maps *maps = forged_maps(library);
	struct c_heap_source src = { .mem = mem, .maps = maps, .max_walk_bytes = walk,
				     .max_list_chunks = chunks };
	struct answer r = { .a = arena_new() };
	struct diag d = DIAG_INIT;

	assert_int_equal(c_heap_read(&src, r.a, &r.m, &r.ranges, &r.n, &d), 0);
	check_answer(&r);
	return r;
}

static struct answer read_it(struct forged_heap *h)
{
	return read_named(h, h->since_235 ? new_name : old_name, 0, 0);
}

static void end(struct forged_heap *h, struct answer *r)
{
	arena_free(r->a);
	free(h);
}

/* Some of everything. */
static struct forged_heap *typical(bool since_235)
{
	struct forged_heap *h = forged_heap_new(since_235);

	for (int i = 0; i < 2; i++) {
		struct forged_part *p = i ? &h->other : &h->main;
		uint64_t kept = forged_used(h, p, 0x40);

		forged_tcache(h, p, kept, 3);
		forged_free(h, p, 0x500);
		forged_used(h, p, 0x3000);
		forged_fast(h, p, 0x50);
		forged_fast(h, p, 0x50);
		forged_used(h, p, 0x20);
		forged_free(h, p, 0x20);
		forged_used(h, p, 0x20);
		forged_free(h, p, 0x3010);
		forged_fast(h, p, 0x80);
		forged_used(h, p, 0x20);
	}
	forged_finish(h);
	return h;
}

static void assert_sums(const struct forged_heap *h, const struct answer *r)
{
	assert_true(r->m.counted);
	assert_int_equal(r->m.allocator, C_ALLOCATOR_GLIBC);
	assert_int_equal(r->m.n_arenas, 2);
	assert_int_equal(r->m.used_bytes, h->used);
	assert_int_equal(r->m.free_bytes, h->free);
	assert_int_equal(r->m.fastbin_bytes, h->fastbin);
	assert_int_equal(r->m.top_bytes, h->top);
	assert_int_equal(r->m.unknown_bytes, 0);
}

static void every_kind_of_chunk_is_counted(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct forged_heap *h = typical(i);
		struct answer r = read_it(h);

		assert_sums(h, &r);
		assert_int_equal(r.m.tcache_bytes, 2 * 3 * 0x40);
		assert_true(r.m.arenas[0].is_main && !r.m.arenas[1].is_main);
		assert_int_equal(r.m.arenas[0].free_chunks, 3);
		assert_int_equal(r.m.arenas[0].fastbin_chunks, 3);
		assert_int_equal(r.m.arenas[0].largest_free_bytes, 0x3010 + 0x80);
		assert_int_equal(r.m.arenas[0].how, C_ARENA_WALKED);
		end(h, &r);
	}
}

static void the_lists_say_what_the_walk_says(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct forged_heap *h = typical(i);
		struct answer walked = read_it(h);
		struct answer listed = read_named(h, i ? new_name : old_name, 1, 0);

		assert_sums(h, &listed);
		assert_int_equal(listed.m.arenas[1].how, C_ARENA_LISTED);
		assert_int_equal(listed.n, walked.n);
		for (size_t k = 0; k < walked.n; k++)
			assert_true(listed.ranges[k].start == walked.ranges[k].start &&
				    listed.ranges[k].end == walked.ranges[k].end &&
				    listed.ranges[k].kind == walked.ranges[k].kind);
		assert_int_equal(listed.m.trimmable_bytes, walked.m.trimmable_bytes);
		arena_free(walked.a);
		end(h, &listed);
	}
}

static void ranges_are_exact_and_coalesced(void **state)
{
	struct forged_heap *h = forged_heap_new(true);
	struct answer r;
	uint64_t at = FORGED_BREAK_AT;

	(void)state;
	forged_used(h, &h->main, 0x20);
	forged_used(h, &h->main, 0x30);
	forged_fast(h, &h->main, 0x20);
	forged_fast(h, &h->main, 0x20);
	forged_used(h, &h->main, 0x30);
	forged_finish(h);
	r = read_it(h);
	assert_true(r.n >= 4);
	assert_true(r.ranges[0].start == at && r.ranges[0].end == at + 0x50 &&
		    r.ranges[0].kind == C_RANGE_USED);
	assert_true(r.ranges[1].end == at + 0x90 && r.ranges[1].kind == C_RANGE_FREE);
	assert_true(r.ranges[2].end == at + 0xc0 && r.ranges[2].kind == C_RANGE_USED);
	assert_true(r.ranges[3].end == at + FORGED_HEAP && r.ranges[3].kind == C_RANGE_TOP);
	end(h, &r);
}

static void whole_pages_alone_can_be_given_back(void **state)
{
	struct forged_heap *h = forged_heap_new(true);
	struct answer r;

	(void)state;
	forged_used(h, &h->main, 0x1000 - 0x30);
	/* 48 bytes of the chunk stay, and it ends in the middle of a page. */
	forged_free(h, &h->main, 0x30 + 0x2000 + 0x800);
	forged_used(h, &h->main, 0x20);
	forged_free(h, &h->main, 0x900);
	forged_used(h, &h->main, 0x20);
	forged_finish(h);
	r = read_it(h);
	assert_int_equal(r.m.arenas[0].trimmable_bytes - 0x2000,
			 (r.m.arenas[0].top_bytes - 33) & ~4095ull);
	assert_int_equal(r.m.arenas[0].fragmented_bytes, 0x30 + 0x800 + 0x900);
	/* The heaps of threads are not cut. */
	assert_int_equal(r.m.arenas[1].trimmable_bytes, 0);
	end(h, &r);
}

static void an_arena_that_was_never_used_is_empty(void **state)
{
	struct forged_heap *h = forged_heap_new(true);
	struct answer r;

	(void)state;
	forged_finish(h);
	forged_set(h, FORGED_MAIN + ARENA_TOP, ARENA_BIN_CHUNK(FORGED_MAIN, 1));
	forged_set(h, FORGED_MAIN + ARENA_SYSTEM, 0);
	r = read_it(h);
	assert_true(r.m.counted && r.m.n_arenas == 2);
	assert_int_equal(r.m.arenas[0].system_bytes, 0);
	end(h, &r);
}

/* The fd of the second free chunk of each list points back to the first. */
static void rings_of_free_chunks_end(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct forged_heap *h = typical(false);
		uint64_t bin = ARENA_BIN_CHUNK(FORGED_MAIN, 1);
		uint64_t first = forged_word(h, bin + CHUNK_FD);
		uint64_t second = forged_word(h, first + CHUNK_FD);
		uint64_t fast = forged_word(h, FORGED_MAIN + ARENA_FASTBINS + 8 * 3);
		struct answer r;

		forged_set(h, second + CHUNK_FD, first);
		forged_set(h, fast + CHUNK_FD, fast);
		r = read_named(h, old_name, i, i ? 100 : 0);
		assert_true(r.m.counted);
		if (i)
			assert_true(r.m.arenas[0].unknown_bytes > 0);
		end(h, &r);
	}
}

static void a_size_that_makes_no_sense_costs_little(void **state)
{
	static const uint64_t sizes[] = { 0, 1, 0x11, 0x19, 0x28, UINT64_MAX, 1ull << 63, 0x40002,
					  0xfffffffffffffff1ull, FORGED_HEAP | 1 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct forged_heap *h = forged_heap_new(true);
		uint64_t broken = 0, intact = 0;
		struct answer r;

		for (int k = 0; k < 2000; k++) {
			uint64_t at = forged_used(h, &h->main, 0x40);

			if (k == 1000)
				broken = at;
		}
		intact = h->used;
		forged_finish(h);
		forged_set(h, broken + CHUNK_SIZE, sizes[i]);
		r = read_it(h);
		assert_int_equal(r.m.arenas[0].how, C_ARENA_PARTLY);
		/* What is behind it is found again; its lowest bit speaks of the one before. */
		assert_int_equal(r.m.unknown_bytes, sizes[i] & CHUNK_PREV_IN_USE ? 0x40 : 0x80);
		assert_int_equal(r.m.used_bytes + r.m.unknown_bytes, intact);
		end(h, &r);
	}
}

static void a_heap_of_rubbish_is_unknown(void **state)
{
	struct forged_heap *h = typical(true);
	struct answer r;

	(void)state;
	memset(h->brk, 0xff, (size_t)(h->main.next - FORGED_BREAK_AT));
	r = read_it(h);
	assert_true(r.m.counted);
	assert_int_equal(r.m.arenas[0].unknown_bytes, h->main.next - FORGED_BREAK_AT);
	assert_int_equal(r.m.arenas[0].used_bytes, 0);
	assert_true(r.m.n_notes > 0);
	end(h, &r);
}

static void a_ring_of_arenas_that_does_not_close_is_no_heap(void **state)
{
	struct forged_heap *h = typical(true);
	struct answer r;

	(void)state;
	forged_set(h, h->other.arena + ARENA_NEXT, h->other.arena);
	r = read_it(h);
	assert_false(r.m.counted);
	assert_true(r.m.used_bytes == UINT64_MAX && r.n == 0 && r.m.n_notes > 0);
	end(h, &r);
}

/* Words of an arena and of a heap's header, each with what cannot be. */
static void an_arena_that_makes_no_sense_does_not_count(void **state)
{
	const struct { uint64_t at, value; } wrong[] = {
		{ ARENA_TOP, 0x1234 }, { ARENA_TOP, FORGED_BREAK_AT + 0x1000 },
		{ ARENA_TOP, FORGED_THREAD_AT + FORGED_HEAP - 16 }, { ARENA_SYSTEM, 1ull << 60 },
		{ ARENA_BINS + 16 * 40, 0x10 },
	};
	const struct { uint64_t at, value; } headers[] = {
		{ HEAP_ARENA, FORGED_MAIN }, { HEAP_PREV, FORGED_THREAD_AT }, { HEAP_PREV, 0x1000 },
		{ HEAP_SIZE, 0 }, { HEAP_SIZE, UINT64_MAX }, { HEAP_SIZE, 1ull << 26 },
		{ HEAP_SIZE, 0x2001 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong) + ARRAY_SIZE(headers); i++) {
		struct forged_heap *h = typical(true);
		struct answer r;

		if (i < ARRAY_SIZE(wrong))
			forged_set(h, h->other.arena + wrong[i].at, wrong[i].value);
		else
			forged_set(h, FORGED_THREAD_AT + headers[i - ARRAY_SIZE(wrong)].at,
				   headers[i - ARRAY_SIZE(wrong)].value);
		r = read_it(h);
		assert_true(r.m.counted);
		assert_int_equal(r.m.arenas[0].how, C_ARENA_WALKED);
		assert_int_equal(r.m.arenas[1].how, C_ARENA_UNREAD);
		assert_int_equal(r.m.arenas[1].used_bytes, 0);
		assert_true(r.m.n_notes > 0 && r.m.tcache_bytes == UINT64_MAX);
		end(h, &r);
	}
}

static void two_main_arenas_are_none(void **state)
{
	struct forged_heap *h = typical(true);
	uint64_t copy = FORGED_MAIN + 0x1000;
	struct answer r;

	(void)state;
	memcpy(forged_bytes(h, copy, ARENA_BYTES), forged_bytes(h, FORGED_MAIN, ARENA_BYTES),
	       ARENA_BYTES);
	for (unsigned int i = 1; i <= ARENA_N_BINS; i++) {
		forged_set(h, ARENA_BIN_CHUNK(copy, i) + CHUNK_FD, ARENA_BIN_CHUNK(copy, i));
		forged_set(h, ARENA_BIN_CHUNK(copy, i) + CHUNK_BK, ARENA_BIN_CHUNK(copy, i));
	}
	forged_set(h, copy + ARENA_NEXT, copy);
	r = read_it(h);
	assert_false(r.m.counted);
	end(h, &r);
}

static void set_mmapped(struct forged_heap *h, uint32_t n, uint64_t bytes)
{
	uint64_t tail = FORGED_PARAMS + 104;

	memcpy(forged_bytes(h, tail - 44, 4), &n, 4);
	forged_set(h, tail - 24, bytes);
	forged_set(h, tail - 16, bytes);
}

static void chunks_with_mappings_of_their_own_are_found(void **state)
{
	struct forged_heap *h = typical(true);
	struct answer r;

	(void)state;
	forged_set(h, FORGED_ANON_AT + 8, 0x3000 | CHUNK_IS_MMAPPED);
	forged_set(h, FORGED_ANON_AT + 0x3008, 0x5000 | CHUNK_IS_MMAPPED);
	set_mmapped(h, 2, 0x8000);
	r = read_it(h);
	assert_int_equal(r.m.mmapped_found_bytes, 0x8000);
	assert_int_equal(r.m.mmapped_bytes, 0x8000);
	assert_true(r.ranges[r.n - 1].start == FORGED_ANON_AT &&
		    r.ranges[r.n - 1].end == FORGED_ANON_AT + 0x8000 &&
		    r.ranges[r.n - 1].kind == C_RANGE_MMAPPED);
	end(h, &r);
}

static void more_such_chunks_than_malloc_counts_are_none(void **state)
{
	struct forged_heap *h = typical(true);
	struct answer r;

	(void)state;
	forged_set(h, FORGED_ANON_AT + 8, 0x3000 | CHUNK_IS_MMAPPED);
	forged_set(h, FORGED_ANON_AT + 0x3008, 0x5000 | CHUNK_IS_MMAPPED);
	set_mmapped(h, 1, 0x3000);
	r = read_it(h);
	assert_int_equal(r.m.mmapped_bytes, 0x3000);
	assert_int_equal(r.m.mmapped_found_bytes, 0);
	assert_true(r.ranges[r.n - 1].kind != C_RANGE_MMAPPED && r.m.n_notes > 0);
	end(h, &r);
}

static void memory_of_others_holds_no_chunks(void **state)
{
	struct forged_heap *h = typical(true);
	CLEANUP(mem_close_p) struct mem *mem = forged_mem(h);
	CLEANUP(maps_free_p) struct maps *maps = forged_maps(new_name);
	const struct c_range others[] = { { FORGED_ANON_AT, FORGED_ANON_AT + 0x3000, 0 } };
	struct c_heap_source src = { .mem = mem, .maps = maps, .others = others, .n_others = 1 };
	struct answer r = { .a = arena_new() };

	(void)state;
	forged_set(h, FORGED_ANON_AT + 8, 0x3000 | CHUNK_IS_MMAPPED);
	forged_set(h, FORGED_ANON_AT + 0x3008, 0x5000 | CHUNK_IS_MMAPPED);
	set_mmapped(h, 1, 0x5000);
	assert_int_equal(c_heap_read(&src, r.a, &r.m, &r.ranges, &r.n, NULL), 0);
	assert_int_equal(r.m.mmapped_found_bytes, 0x5000);
	assert_int_equal(r.ranges[r.n - 1].start, FORGED_ANON_AT + 0x3000);
	end(h, &r);
}

static void a_user_s_block_is_no_tcache(void **state)
{
	struct forged_heap *h = forged_heap_new(true);
	uint64_t small = forged_used(h, &h->main, 0x40), t;
	struct answer r;

	(void)state;
	/* Its entry leads to a chunk of another size. */
	t = forged_tcache(h, &h->main, small, 2);
	forged_set(h, t + CHUNK_HEADER + TCACHE_ENTRIES + 8 * 2, small + 0x40 + CHUNK_HEADER);
	/* More than a bin takes. */
	t = forged_tcache(h, &h->main, small, 8);
	/* Of a thread that has ended. */
	t = forged_tcache(h, &h->main, small, 2);
	forged_set(h, t + CHUNK_HEADER + TCACHE_ENTRIES + 8 * 2, 0);
	forged_finish(h);
	r = read_it(h);
	assert_sums(h, &r);
	assert_int_equal(r.m.tcache_bytes, 0);
	end(h, &r);
}

static void too_many_fastbin_chunks_are_unknown_and_not_used(void **state)
{
	struct forged_heap *h = forged_heap_new(true);
	struct answer r;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		forged_used(h, &h->main, 0x30);
		forged_fast(h, &h->main, 0x30);
	}
	forged_finish(h);
	r = read_named(h, new_name, 0, 400);
	assert_int_equal(r.m.used_bytes + r.m.fastbin_bytes + r.m.unknown_bytes,
			 h->used + h->fastbin);
	assert_true(r.m.used_bytes >= h->used && r.m.used_bytes <= h->used + 0x30);
	assert_int_equal(r.m.fastbin_bytes, 400 * 0x30);
	assert_int_equal(r.m.arenas[0].how, C_ARENA_PARTLY);
	end(h, &r);
}

static void a_release_that_is_not_known_is_not_read(void **state)
{
	static const char *const names[] = { "/lib/libc-2.26.so", "/lib/libc-2.42.so",
					     "/lib/ld-musl-x86_64.so.1", "/lib/libjemalloc.so.2" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct forged_heap *h = typical(true);
		struct answer r = read_named(h, names[i], 0, 0);

		assert_false(r.m.counted);
		assert_true(r.n == 0 && r.m.n_notes == 1 && r.m.used_bytes == UINT64_MAX);
		end(h, &r);
	}
}

static void allocators_are_known_by_their_libraries(void **state)
{
	(void)state;
	assert_int_equal(allocator_of_library("libc.so.6"), C_ALLOCATOR_GLIBC);
	assert_int_equal(allocator_of_library("libc-2.31.so"), C_ALLOCATOR_GLIBC);
	assert_int_equal(allocator_of_library("libc.musl-x86_64.so.1"), C_ALLOCATOR_MUSL);
	assert_int_equal(allocator_of_library("libtcmalloc_minimal.so.4"), C_ALLOCATOR_TCMALLOC);
	assert_int_equal(allocator_of_library("libcurl.so.4"), C_ALLOCATOR_UNKNOWN);
}

static void the_version_stands_in_the_library(void **state)
{
	static const char banner[] = "xx\0GNU C Library (Debian GLIBC 2.36-9) stable release "
				     "version 2.36.\nCopyright";

	(void)state;
	assert_int_equal(allocator_glibc_minor(banner, sizeof(banner)), 36);
	assert_int_equal(allocator_glibc_minor(banner, 20), 0);
	assert_int_equal(allocator_glibc_minor("stable release version 2.", 25), 0);
	assert_int_equal(allocator_glibc_minor("stable release version 2.99999", 30), 999);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_of_chunk_is_counted),
		cmocka_unit_test(the_lists_say_what_the_walk_says),
		cmocka_unit_test(ranges_are_exact_and_coalesced),
		cmocka_unit_test(whole_pages_alone_can_be_given_back),
		cmocka_unit_test(an_arena_that_was_never_used_is_empty),
		cmocka_unit_test(rings_of_free_chunks_end),
		cmocka_unit_test(a_size_that_makes_no_sense_costs_little),
		cmocka_unit_test(a_heap_of_rubbish_is_unknown),
		cmocka_unit_test(a_ring_of_arenas_that_does_not_close_is_no_heap),
		cmocka_unit_test(an_arena_that_makes_no_sense_does_not_count),
		cmocka_unit_test(two_main_arenas_are_none),
		cmocka_unit_test(chunks_with_mappings_of_their_own_are_found),
		cmocka_unit_test(more_such_chunks_than_malloc_counts_are_none),
		cmocka_unit_test(memory_of_others_holds_no_chunks),
		cmocka_unit_test(a_user_s_block_is_no_tcache),
		cmocka_unit_test(too_many_fastbin_chunks_are_unknown_and_not_used),
		cmocka_unit_test(a_release_that_is_not_known_is_not_read),
		cmocka_unit_test(allocators_are_known_by_their_libraries),
		cmocka_unit_test(the_version_stands_in_the_library),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
