// SPDX-License-Identifier: Apache-2.0
#include "analysis/ledger.h"

#include <stdlib.h>
#include <string.h>

#include "../unit.h"
#include "base/cleanup.h"

#define MIB (1ull << 20)

struct world {
	struct arena *arena;
	struct ledger ledger;
	struct memory_ledger sum;
};

static void layer(struct world *w, const struct ledger_claim *claims, size_t n)
{
	w->ledger.layers[w->ledger.n_layers++] =
		(struct ledger_layer){ claims, n, ledger_claim_at, 0 };
}

static void pages(struct world *w, uint64_t start, uint64_t end, enum page_kind kind)
{
	ledger_pages(&w->ledger, &(struct page_run){ start, end, (uint8_t)kind, false });
}

static void end(struct world *w, uint64_t before, uint64_t after)
{
	uint64_t all = 0;

	assert_int_equal(ledger_end(&w->ledger, before, after, w->arena, &w->sum), 0);
	for (int i = 0; i < MEMORY_PARTS; i++)
		all += w->sum.part[i];
	assert_int_equal(all, w->sum.rss_bytes);
}

static int set_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	w->arena = arena_new();
	w->ledger.tells_huge = true;
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;

	arena_free(w->arena);
	free(w);
	return 0;
}

static const struct ledger_mapping anon = {
	.start = 0x100000, .end = 0x200000, .own = MEMORY_C_MMAP, .plain = true,
	.file = LEDGER_NO_FILE,
};

static void a_claim_is_to_the_byte_inside_a_resident_page(void **state)
{
	static const struct ledger_claim c[] = {
		{ 0x100010, 0x100810, MEMORY_C_HEAP_USED },
		{ 0x100810, 0x100820, MEMORY_C_HEAP_FREE },
		{ 0x101ff0, 0x102010, MEMORY_C_HEAP_USED },	/* into a page that is not there */
	};
	struct world *w = *state;

	layer(w, c, ARRAY_SIZE(c));
	ledger_begin(&w->ledger, &anon);
	pages(w, 0x100000, 0x102000, PAGE_ANON);
	end(w, 0x2000, 0x2000);
	assert_int_equal(w->sum.part[MEMORY_C_HEAP_USED], 0x800 + 0x10);
	assert_int_equal(w->sum.part[MEMORY_C_HEAP_FREE], 0x10);
	assert_int_equal(w->sum.part[MEMORY_C_MMAP], 0x2000 - 0x820);
	assert_int_equal(w->sum.part[MEMORY_UNEXPLAINED], 0);
}

static void the_first_layer_that_claims_a_byte_has_it(void **state)
{
	static const struct ledger_claim stacks[] = {
		{ 0x101000, 0x102000, MEMORY_THREAD_STACKS },
	};
	static const struct ledger_claim go[] = {
		{ 0x100000, 0x103000, MEMORY_GO_HEAP_LIVE },
		{ 0x108000, 0x109000, MEMORY_GO_STACKS },
	};
	struct world *w = *state;

	layer(w, stacks, 1);
	layer(w, go, 2);
	ledger_begin(&w->ledger, &anon);
	pages(w, 0x100000, 0x104000, PAGE_ANON);
	pages(w, 0x107000, 0x10a000, PAGE_ANON);
	end(w, 0x7000, 0x7000);
	assert_int_equal(w->sum.part[MEMORY_THREAD_STACKS], 0x1000);
	assert_int_equal(w->sum.part[MEMORY_GO_HEAP_LIVE], 0x2000);
	assert_int_equal(w->sum.part[MEMORY_GO_STACKS], 0x1000);
	assert_int_equal(w->sum.part[MEMORY_C_MMAP], 0x3000);
}

static void claims_that_overlap_or_run_backwards_count_no_byte_twice(void **state)
{
	static const struct ledger_claim c[] = {
		{ 0x100000, 0x103000, MEMORY_GO_HEAP_LIVE },
		{ 0x101000, 0x102000, MEMORY_GO_STACKS },
		{ 0x108000, 0x104000, MEMORY_GO_METADATA },
		{ 0, UINT64_MAX, MEMORY_GO_OTHER },
	};
	struct world *w = *state;

	layer(w, c, ARRAY_SIZE(c));
	ledger_begin(&w->ledger, &anon);
	pages(w, 0x100000, 0x110000, PAGE_ANON);
	end(w, 0x10000, 0x10000);
	assert_int_equal(w->sum.rss_bytes, 0x10000);
	assert_int_equal(w->sum.part[MEMORY_GO_HEAP_LIVE], 0x3000);
}

static void pages_of_files_are_no_heaps_and_are_summed_by_file(void **state)
{
	static const struct ledger_claim c[] = { { 0, UINT64_MAX, MEMORY_GO_HEAP_LIVE } };
	static struct ledger_mapping text = { .start = 0x1000, .end = 0x5000,
					      .own = MEMORY_FILE_DATA,
					      .of_file = MEMORY_FILE_TEXT, .file = 0 },
				     data = { .start = 0x5000, .end = 0x9000,
					      .own = MEMORY_FILE_DATA,
					      .of_file = MEMORY_FILE_DATA, .file = 1 };
	struct ledger_file files[] = { { .of.path = "/bin/a" }, { .of.path = "/db" } };
	struct world *w = *state;

	layer(w, c, 0);
	w->ledger.files = files;
	w->ledger.n_files = 2;
	ledger_begin(&w->ledger, &text);
	pages(w, 0x1000, 0x3000, PAGE_FILE);
	pages(w, 0x3000, 0x4000, PAGE_ANON);
	ledger_begin(&w->ledger, &data);
	pages(w, 0x5000, 0x9000, PAGE_FILE);
	end(w, 0x7000, 0x7000);
	assert_int_equal(w->sum.part[MEMORY_FILE_TEXT], 0x2000);
	assert_int_equal(w->sum.part[MEMORY_FILE_DATA], 0x5000);
	assert_int_equal(w->sum.n_files, 2);
	assert_string_equal(w->sum.files[0].path, "/db");
	assert_int_equal(w->sum.files[0].data_bytes, 0x4000);
	assert_int_equal(w->sum.files[1].text_bytes, 0x2000);
	assert_int_equal(w->sum.files[1].data_bytes, 0x1000);
}

static void files_beyond_the_named_ones_are_one_without_a_name(void **state)
{
	struct ledger_file files[100] = { 0 };
	struct world *w = *state;

	for (uint32_t i = 0; i < ARRAY_SIZE(files); i++)
		files[i].of = (struct memory_file){ "/f", i + 1, 1000 };
	w->ledger.files = files;
	w->ledger.n_files = ARRAY_SIZE(files);
	end(w, 0, 0);
	assert_int_equal(w->sum.n_files, 65);
	assert_null(w->sum.files[64].path);
	assert_int_equal(w->sum.files[0].text_bytes, 100);
	assert_int_equal(w->sum.files[64].text_bytes, 36 * 37 / 2);
	assert_int_equal(w->sum.files[64].data_bytes, 36 * 1000);
}

static void zeroes_and_pages_of_hugetlbfs_are_beside_rss(void **state)
{
	static const struct ledger_mapping huge = { .start = 2 * MIB, .end = 4 * MIB,
						    .apart = true };
	struct world *w = *state;

	ledger_begin(&w->ledger, &anon);
	pages(w, 0x100000, 0x104000, PAGE_ZERO);
	pages(w, 0x104000, 0x105000, PAGE_ANON);
	ledger_begin(&w->ledger, &huge);
	pages(w, 2 * MIB, 4 * MIB, PAGE_FILE);
	end(w, 0x1000, 0x1000);
	assert_int_equal(w->sum.rss_bytes, 0x1000);
	assert_int_equal(w->sum.zero_bytes, 0x4000);
	assert_int_equal(w->sum.hugetlb_bytes, 2 * MIB);
}

static void doubtful_pages_count_as_far_as_rss_has_room(void **state)
{
	static const struct ledger_mapping gpu = { .start = 0x200000, .end = 0x300000,
						   .own = MEMORY_KERNEL_OTHER,
						   .of_file = MEMORY_KERNEL_OTHER,
						   .doubtful = true, .file = LEDGER_NO_FILE };
	struct world *w = *state;

	ledger_begin(&w->ledger, &anon);
	pages(w, 0x100000, 0x110000, PAGE_ANON);
	pages(w, 0x110000, 0x120000, PAGE_DOUBTFUL);
	ledger_begin(&w->ledger, &gpu);
	pages(w, 0x200000, 0x208000, PAGE_FILE);
	/* 0x10000 are sure; 0x18000 are not, and RSS says that 0xc000 of these are in it. */
	end(w, 0x1b000, 0x1c000);
	assert_int_equal(w->sum.rss_bytes, 0x1c000);
	assert_int_equal(w->sum.part[MEMORY_C_MMAP], 0x1c000);
	assert_int_equal(w->sum.part[MEMORY_KERNEL_OTHER], 0);
	assert_int_equal(w->sum.part[MEMORY_UNEXPLAINED], 0);
}

static void in_memory_of_no_file_a_files_page_is_doubted(void **state)
{
	struct world *w = *state;

	ledger_begin(&w->ledger, &anon);
	pages(w, 0x100000, 0x102000, PAGE_ANON);
	pages(w, 0x110000, 0x130000, PAGE_FILE);
	end(w, 0x2000, 0x2000);
	assert_int_equal(w->sum.rss_bytes, 0x2000);
	assert_int_equal(w->sum.part[MEMORY_C_MMAP], 0x2000);
}

static void doubts_of_many_parts_are_left_out_to_the_byte(void **state)
{
	static const struct ledger_claim c[] = {
		{ 0x100000, 0x103000, MEMORY_GO_HEAP_LIVE },
		{ 0x103000, 0x10a000, MEMORY_GO_STACKS },
	};
	struct world *w = *state;

	layer(w, c, 2);
	ledger_begin(&w->ledger, &anon);
	pages(w, 0x100000, 0x110000, PAGE_DOUBTFUL);
	end(w, 0x7001, 0x7001);
	assert_int_equal(w->sum.rss_bytes, 0x7001);
}

static void what_the_kernel_counts_and_nobody_saw_is_unexplained(void **state)
{
	struct world *w = *state;

	ledger_begin(&w->ledger, &anon);
	pages(w, 0x100000, 0x101000, PAGE_ANON);
	end(w, 0x5000, 0x9000);
	assert_int_equal(w->sum.rss_bytes, 0x5000);
	assert_int_equal(w->sum.part[MEMORY_UNEXPLAINED], 0x4000);
	assert_int_equal(w->sum.rss_before, 0x5000);
	assert_int_equal(w->sum.rss_after, 0x9000);
}

/* The heap grew while it was read: what was seen counts. */
static void pages_between_before_and_after_are_rss(void **state)
{
	struct world *w = *state;

	ledger_begin(&w->ledger, &anon);
	pages(w, 0x100000, 0x107000, PAGE_ANON);
	end(w, 0x5000, 0x9000);
	assert_int_equal(w->sum.rss_bytes, 0x7000);
	assert_int_equal(w->sum.part[MEMORY_UNEXPLAINED], 0);
}

static void a_long_stretch_that_nobody_claims_is_not_of_the_runtime(void **state)
{
	static const struct ledger_claim c[] = {
		{ 0x1000000, 0x1010000, MEMORY_GO_HEAP_LIVE },
		{ 0x1020000, 0x1030000, MEMORY_GO_HEAP_LIVE },
		{ 0x1800000, 0x1810000, MEMORY_GO_METADATA },
	};
	static const struct ledger_mapping mixed = {
		.start = 0x1000000, .end = 0x1820000, .own = MEMORY_UNEXPLAINED,
		.gap = MEMORY_C_MMAP, .gap_bytes = MIB, .file = LEDGER_NO_FILE,
	};
	struct world *w = *state;

	layer(w, c, 0);		/* nothing of another owner in between */
	layer(w, c, ARRAY_SIZE(c));
	ledger_begin(&w->ledger, &mixed);
	pages(w, 0x1000000, 0x1030000, PAGE_ANON);
	pages(w, 0x1100000, 0x1101000, PAGE_ANON);
	pages(w, 0x1800000, 0x1820000, PAGE_ANON);
	end(w, 0x51000, 0x51000);
	assert_int_equal(w->sum.part[MEMORY_GO_HEAP_LIVE], 0x20000);
	assert_int_equal(w->sum.part[MEMORY_GO_METADATA], 0x10000);
	assert_int_equal(w->sum.part[MEMORY_C_MMAP], 0x1000);
	assert_int_equal(w->sum.part[MEMORY_UNEXPLAINED], 0x20000);
}

static void given_back_and_resident_is_lazy_but_for_huge_pages(void **state)
{
	static const struct ledger_claim c[] = {
		{ 0x100000, 0x200000, MEMORY_GO_HEAP_LAZYFREE },
	};
	struct world *w = *state;

	layer(w, c, 1);
	ledger_begin(&w->ledger, &anon);
	pages(w, 0x100000, 0x101000, PAGE_ANON);
	ledger_pages(&w->ledger, &(struct page_run){ 0x101000, 0x104000, PAGE_ANON, true });
	end(w, 0x4000, 0x4000);
	assert_int_equal(w->sum.part[MEMORY_GO_HEAP_LAZYFREE], 0x1000);
	assert_int_equal(w->sum.part[MEMORY_GO_HEAP_FREE], 0x3000);
	assert_int_equal(w->sum.huge_bytes, 0x3000);
}

static void without_pages_the_kernels_sums_stand(void **state)
{
	struct world *w = *state;

	ledger_without_pages(0x3000, 0x2000, 0x9000, 0xa000, &w->sum);
	assert_int_equal(w->sum.rss_bytes, 0xa000);
	assert_int_equal(w->sum.part[MEMORY_FILE_TEXT], 0x3000);
	assert_int_equal(w->sum.part[MEMORY_SHARED], 0x2000);
	assert_int_equal(w->sum.part[MEMORY_UNEXPLAINED], 0x5000);
	assert_true(w->sum.part[MEMORY_GO_HEAP_LIVE] == MEMORY_UNKNOWN);
	assert_false(w->sum.by_page);
	/* Sums that do not go together. */
	ledger_without_pages(0x30000, 0x2000, 0x9000, 0xa000, &w->sum);
	assert_int_equal(w->sum.part[MEMORY_FILE_TEXT], 0xa000);
	assert_int_equal(w->sum.part[MEMORY_SHARED], 0);
	assert_int_equal(w->sum.part[MEMORY_UNEXPLAINED], 0);
}

static void every_part_has_the_name_of_the_contract(void **state)
{
	(void)state;
	for (int i = 0; i < MEMORY_PARTS; i++)
		assert_int_equal(memory_part_find(memory_part_name((enum memory_part)i)), i);
	assert_null(memory_part_name(MEMORY_PARTS));
	assert_int_equal(memory_part_find("go.heap"), -1);
	assert_string_equal(memory_part_name(MEMORY_GO_HEAP_LIVE), "go.heap.live");
	assert_string_equal(memory_part_name(MEMORY_UNEXPLAINED), "unexplained");
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_claim_is_to_the_byte_inside_a_resident_page),
		CASE(the_first_layer_that_claims_a_byte_has_it),
		CASE(claims_that_overlap_or_run_backwards_count_no_byte_twice),
		CASE(pages_of_files_are_no_heaps_and_are_summed_by_file),
		CASE(files_beyond_the_named_ones_are_one_without_a_name),
		CASE(zeroes_and_pages_of_hugetlbfs_are_beside_rss),
		CASE(doubtful_pages_count_as_far_as_rss_has_room),
		CASE(in_memory_of_no_file_a_files_page_is_doubted),
		CASE(doubts_of_many_parts_are_left_out_to_the_byte),
		CASE(what_the_kernel_counts_and_nobody_saw_is_unexplained),
		CASE(pages_between_before_and_after_are_rss),
		CASE(a_long_stretch_that_nobody_claims_is_not_of_the_runtime),
		CASE(given_back_and_resident_is_lazy_but_for_huge_pages),
		CASE(without_pages_the_kernels_sums_stand),
		CASE(every_part_has_the_name_of_the_contract),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
