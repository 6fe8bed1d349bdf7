// SPDX-License-Identifier: Apache-2.0
#include "../unit.h"

#include <string.h>

#include "goruntime/goruntime.h"
#include "goruntime/pointers.h"

static void each_release_has_its_form(void **state)
{
	(void)state;
	assert_int_equal(pointers_form(19), POINTERS_PAIRS);
	assert_int_equal(pointers_form(20), POINTERS_BITS);
	assert_int_equal(pointers_form(21), POINTERS_BITS);
	assert_int_equal(pointers_form(22), POINTERS_TYPES);
	assert_int_equal(pointers_bitmap_at(POINTERS_PAIRS, 64), 16);
	assert_int_equal(pointers_bitmap_at(POINTERS_BITS, 64), 8);
	assert_int_equal(pointers_no_more_at(64 * 8), (1 << 20) + 1);
}

/* Go 1.18: four words a byte, pointers in its low half, "there may be more" in its high one. */
static void pairs_end_an_object_where_scan_ends(void **state)
{
	/* Objects of 4 words: P.P. | P... then garbage | ..P. | nothing at all, with garbage. */
	const uint8_t bitmap[16] = { 0x75, 0x1f, 0x74, 0x0f };
	uint64_t mask[1];
	bool ended = false;

	(void)state;
	pointers_from_pairs(span_of(bitmap, sizeof(bitmap)), 4, 64, mask, &ended);
	assert_int_equal(mask[0], 0x5 | 0x1 << 4 | 0x4 << 8);
}

static void pairs_of_one_large_object_end_for_good(void **state)
{
	uint8_t bitmap[32];
	uint64_t mask[2];
	bool ended = false;

	(void)state;
	memset(bitmap, 0xff, sizeof(bitmap));
	bitmap[3] = 0x3f;	/* scan for words 12 and 13 alone */
	pointers_from_pairs(span_of(bitmap, sizeof(bitmap)), 1000, 128, mask, &ended);
	assert_int_equal(mask[0], (1 << 14) - 1);
	assert_int_equal(mask[1], 0);
	assert_true(ended);
	memset(bitmap, 0xff, sizeof(bitmap));
	pointers_from_pairs(span_of(bitmap, sizeof(bitmap)), 1000, 128, mask, &ended);
	assert_int_equal(mask[0] | mask[1], 0);
}

static void no_more_is_of_the_object_that_goes_on(void **state)
{
	const uint64_t bits[3] = { ~0ull, ~0ull, ~0ull };
	const uint8_t no_more[1] = { 1 };	/* behind the first block */
	uint64_t mask[3];
	bool ended = false;

	(void)state;
	/* Objects of 48 words: the second one covers words 48 to 95. */
	pointers_from_bits(span_of(bits, sizeof(bits)), span_of(no_more, 1), 48, 192, mask, &ended);
	assert_true(mask[0] == ~0ull);
	assert_true(mask[1] == ~0ull << 32);
	assert_true(mask[2] == ~0ull);
	assert_false(ended);
	/* One object of 192: nothing from the second block on, and in the next piece either. */
	pointers_from_bits(span_of(bits, sizeof(bits)), span_of(no_more, 1), 4096, 192, mask,
			   &ended);
	assert_true(mask[0] == ~0ull);
	assert_int_equal(mask[1] | mask[2], 0);
	assert_true(ended);
}

static void no_more_of_an_object_that_ends_with_the_block_is_of_no_other(void **state)
{
	const uint64_t bits[2] = { 5, 5 };
	const uint8_t no_more[1] = { 1 };
	uint64_t mask[2];
	bool ended = false;

	(void)state;
	pointers_from_bits(span_of(bits, sizeof(bits)), span_of(no_more, 1), 64, 128, mask, &ended);
	assert_int_equal(mask[0], 5);
	assert_int_equal(mask[1], 5);
}

static void small_spans_have_their_bits_at_the_end(void **state)
{
	static uint8_t bytes[8192];
	uint64_t mask[16];

	(void)state;
	memset(bytes, 0, sizeof(bytes));
	bytes[8192 - 128] = 0x11;
	pointers_from_span(span_of(bytes, sizeof(bytes)), false, mask);
	assert_int_equal(mask[0], 0x11);
	/* Go 1.26: 128 bytes of marks lie behind them. */
	bytes[8192 - 256 + 8] = 0x22;
	pointers_from_span(span_of(bytes, sizeof(bytes)), true, mask);
	assert_int_equal(mask[0], 0);
	assert_int_equal(mask[1], 0x22);
}

static void the_number_of_elements_tells_of_inline_marks(void **state)
{
	(void)state;
	assert_int_equal(pointers_inline_marks(8192, 16, 504, false), 0);
	assert_int_equal(pointers_inline_marks(8192, 16, 496, false), 1);
	assert_int_equal(pointers_inline_marks(8192, 16, 495, false), -1);
	/* 8064 / 512 and 7936 / 512 are both 15. */
	assert_int_equal(pointers_inline_marks(8192, 512, 15, false), -1);
	assert_int_equal(pointers_inline_marks(8192, 8, 1008, false), -1);
	assert_int_equal(pointers_inline_marks(8192, 1024, 8, false), -1);
	assert_int_equal(pointers_inline_marks(0, 16, 0, false), -1);
}

static void a_type_is_laid_out_as_often_as_it_fits(void **state)
{
	const uint64_t bits[1] = { 5 };
	const struct type_mask t = { .size_words = 5, .ptr_words = 3, .bits = bits };
	const struct type_mask pointers = { 1, 1, bits };
	uint64_t mask[3] = { 0 };

	(void)state;
	/* Behind a header of one word, cut in the third element. */
	pointers_from_type(&t, 0, 12, mask, 1);
	assert_int_equal(mask[0], (5 | 5 << 5 | 1 << 10) << 1);
	/* From within: words 7 and on of an array. */
	memset(mask, 0, sizeof(mask));
	pointers_from_type(&t, 7, 4, mask, 62);
	assert_true(mask[0] == 1ull << 62);
	assert_int_equal(mask[1], 1 << 1);
	memset(mask, 0, sizeof(mask));
	pointers_from_type(&pointers, 3, 130, mask, 2);
	assert_true(mask[0] == ~3ull && mask[1] == ~0ull);
	assert_int_equal(mask[2], 15);
}

static void a_long_mask_is_copied_across_words(void **state)
{
	const uint64_t bits[2] = { 1ull << 63 | 1, 2 };
	const struct type_mask t = { .size_words = 100, .ptr_words = 66, .bits = bits };
	uint64_t mask[4] = { 0 };

	(void)state;
	pointers_from_type(&t, 0, 200, mask, 10);
	assert_true(mask[0] == 1ull << 10);
	/* 10 + 63, 10 + 65; the second one begins at 110. */
	assert_true(mask[1] == (1ull << (73 - 64) | 1ull << (75 - 64) | 1ull << (110 - 64)));
	assert_true(mask[2] == (1ull << (173 - 128) | 1ull << (175 - 128)));
}

static void what_lies_beyond_is_cut(void **state)
{
	uint64_t mask[3] = { ~0ull, ~0ull, ~0ull };

	(void)state;
	pointers_cut(mask, 192, 70);
	assert_true(mask[0] == ~0ull);
	assert_int_equal(mask[1], 63);
	assert_int_equal(mask[2], 0);
	pointers_cut(mask, 192, 192);
	pointers_cut(mask, 192, 0);
	assert_int_equal(mask[0] | mask[1], 0);
}

/* --- Types in a process of ours --- */

#define AT 0x10000ull

struct fake_type {
	uint64_t size, ptr_bytes;
	uint32_t hash;
	uint8_t tflag, pad[3];
	uint64_t equal, gcdata;
};

struct process {
	struct fake_type types[4];
	uint64_t slot, bits[4];
	struct go_runtime rt;
	struct mem *mem;
	struct type_masks *masks;
};

static void process_open(struct process *p, int minor)
{
	const struct mem_range range = { AT, p, offsetof(struct process, rt) };

	assert_int_equal(mem_array_open(&range, 1, &p->mem), 0);
	p->rt = (struct go_runtime){ .minor = minor, .live = p->mem, .chase = p->mem };
	assert_int_equal(type_masks_open(&p->rt, &p->masks), 0);
}

static void process_close(struct process *p)
{
	type_masks_free(p->masks);
	mem_close(p->mem);
}

static uint64_t type_at(int i)
{
	return AT + sizeof(struct fake_type) * (unsigned int)i;
}

static void masks_of_types_are_read_and_checked(void **state)
{
	const uint64_t bits = AT + offsetof(struct process, bits);
	struct process p = {
		.types = {
			{ .size = 32, .ptr_bytes = 24, .gcdata = bits },
			{ .size = 32, .ptr_bytes = 40, .gcdata = bits },
			{ .size = 1ull << 40, .ptr_bytes = 1ull << 40, .gcdata = bits },
			{ .size = 32, .ptr_bytes = 24, .gcdata = 1 },
		},
		.bits = { 0xd },
	};
	const struct type_mask *m;

	(void)state;
	process_open(&p, 22);
	m = type_masks_get(p.masks, type_at(0), 64);
	assert_non_null(m);
	assert_int_equal(m->size_words, 4);
	assert_int_equal(m->ptr_words, 3);
	assert_int_equal(m->bits[0], 5);	/* the fourth bit is beyond ptr_bytes */
	assert_ptr_equal(m, type_masks_get(p.masks, type_at(0), 32));
	assert_null(type_masks_get(p.masks, type_at(0), 24));
	assert_null(type_masks_get(p.masks, type_at(1), 64));
	assert_null(type_masks_get(p.masks, type_at(2), 1ull << 40));
	assert_null(type_masks_get(p.masks, type_at(3), 64));
	assert_null(type_masks_get(p.masks, 0, 64));
	assert_null(type_masks_get(p.masks, 0x999999, 64));
	process_close(&p);
}

static void a_mask_made_on_demand_is_one_step_away_since_go_1_24(void **state)
{
	struct process p = {
		.types = { { .size = 16, .ptr_bytes = 16, .tflag = 16,
			     .gcdata = AT + offsetof(struct process, slot) },
			   { .size = 24, .ptr_bytes = 16, .tflag = 16,
			     .gcdata = AT + offsetof(struct process, bits) + 8 } },
		.slot = AT + offsetof(struct process, bits),
		.bits = { 2, 0 },
	};

	(void)state;
	process_open(&p, 24);
	assert_int_equal(type_masks_get(p.masks, type_at(0), 16)->bits[0], 2);
	/* Not made yet: nobody knows. */
	assert_null(type_masks_get(p.masks, type_at(1), 24));
	process_close(&p);
	process_open(&p, 23);
	assert_int_equal(type_masks_get(p.masks, type_at(0), 16)->bits[0],
			 p.slot & 3);
	process_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_release_has_its_form),
		cmocka_unit_test(pairs_end_an_object_where_scan_ends),
		cmocka_unit_test(pairs_of_one_large_object_end_for_good),
		cmocka_unit_test(no_more_is_of_the_object_that_goes_on),
		cmocka_unit_test(no_more_of_an_object_that_ends_with_the_block_is_of_no_other),
		cmocka_unit_test(small_spans_have_their_bits_at_the_end),
		cmocka_unit_test(the_number_of_elements_tells_of_inline_marks),
		cmocka_unit_test(a_type_is_laid_out_as_often_as_it_fits),
		cmocka_unit_test(a_long_mask_is_copied_across_words),
		cmocka_unit_test(what_lies_beyond_is_cut),
		cmocka_unit_test(masks_of_types_are_read_and_checked),
		cmocka_unit_test(a_mask_made_on_demand_is_one_step_away_since_go_1_24),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
