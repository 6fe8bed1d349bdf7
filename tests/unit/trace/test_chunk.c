// SPDX-License-Identifier: Apache-2.0
/* Heaps of glibc's as arrays: what was said of chunks by the bytes around them. */
#include <errno.h>
#include <string.h>

#include "../unit.h"

#include "base/cleanup.h"
#include "trace/chunk.h"

enum { WORDS = 64, IN_USE = CHUNK_PREV_INUSE };
#define HEAP 0x10000ull

/* Chunks one after the other. */
struct heap {
	uint64_t words[WORDS];
	size_t at;		/* of the next chunk's two words */
};

static uint64_t add(struct heap *h, uint64_t prev_size, uint64_t size, uint64_t flags)
{
	uint64_t addr = HEAP + 8 * h->at + 16;

	h->words[h->at] = prev_size;
	h->words[h->at + 1] = size | flags;
	h->at += size / 8;
	return addr;
}

static int stands(const struct heap *h, uint64_t addr, uint64_t header)
{
	const struct mem_range range = { HEAP, h->words, sizeof(h->words) };
	CLEANUP(mem_close_p) struct mem *mem = NULL;

	assert_int_equal(mem_array_open(&range, 1, &mem), 0);
	return chunk_stands(mem, addr, header);
}

static void one_among_others_in_use_stands(void **state)
{
	struct heap h = { .at = 0 };
	uint64_t p = add(&h, 0, 48, IN_USE);

	(void)state;
	add(&h, 0, 64, IN_USE);
	add(&h, 0, 32, IN_USE);
	/* The top: it ends where the heap does. */
	add(&h, 0, 8 * (WORDS - h.at), IN_USE);
	assert_int_equal(stands(&h, p, 48 | IN_USE), 1);
	/* The chunk before may have gone meanwhile: its flag is of no interest. */
	assert_int_equal(stands(&h, p, 48), 1);
}

static void one_before_a_free_chunk_stands(void **state)
{
	struct heap h = { .at = 0 };
	uint64_t p = add(&h, 0, 48, IN_USE);

	(void)state;
	add(&h, 0, 64, IN_USE);
	/* That one is free: so the next says, and where it begins. */
	add(&h, 64, 32, 0);
	assert_int_equal(stands(&h, p, 48 | IN_USE), 1);
}

static void a_free_one_does_not(void **state)
{
	struct heap h = { .at = 0 };
	uint64_t p = add(&h, 0, 48, IN_USE);

	(void)state;
	add(&h, 48, 64, 0);
	assert_int_equal(stands(&h, p, 48 | IN_USE), 0);
}

/* p and the next one were freed, and are one free chunk now: both headers are as they were. */
static void a_leftover_in_a_free_chunk_is_told_by_what_is_behind_it(void **state)
{
	struct heap h = { .at = 0 };
	uint64_t p;

	(void)state;
	add(&h, 0, 32, IN_USE);
	p = add(&h, 0, 48, IN_USE);
	add(&h, 0, 64, IN_USE);
	add(&h, 32 + 48 + 64, 48, 0);
	assert_int_equal(stands(&h, p, 48 | IN_USE), 0);
}

static void a_heap_that_goes_on_elsewhere_is_closed_by_a_small_one(void **state)
{
	struct heap h = { .at = 0 };
	uint64_t p = add(&h, 0, 48, IN_USE);

	(void)state;
	add(&h, 0, 16, IN_USE);
	assert_int_equal(stands(&h, p, 48 | IN_USE), 1);
}

static void what_makes_no_sense_is_to_be_read_again(void **state)
{
	struct heap h = { .at = 0 };
	uint64_t p = add(&h, 0, 48, IN_USE);

	(void)state;
	h.words[h.at + 1] = 40 | IN_USE;
	assert_int_equal(stands(&h, p, 48 | IN_USE), -EAGAIN);
	h.words[h.at + 1] = UINT64_MAX;
	assert_int_equal(stands(&h, p, 48 | IN_USE), -EAGAIN);
	h.words[h.at + 1] = IN_USE;
	assert_int_equal(stands(&h, p, 48 | IN_USE), -EAGAIN);
}

static void one_of_its_own_mapping_has_no_neighbours(void **state)
{
	struct heap h = { .at = 0 };

	(void)state;
	assert_int_equal(stands(&h, HEAP + 16, 4096 | CHUNK_IS_MMAPPED), 1);
}

static void prints_are_of_the_first_bytes_alone(void **state)
{
	unsigned char bytes[256] = { 1, 2, 3 };
	const struct mem_range range = { HEAP, bytes, sizeof(bytes) };
	struct chunk_to_print c[] = { { .addr = HEAP, .header = 208 | IN_USE },
				      { .addr = 1, .header = 208 | IN_USE },
				      { .addr = HEAP, .header = 32 } };
	CLEANUP(mem_close_p) struct mem *mem = NULL;
	uint64_t before;

	(void)state;
	assert_int_equal(chunk_print_len(208), CHUNK_PRINT_BYTES);
	assert_int_equal(chunk_print_len(32 | IN_USE), 16);
	assert_int_equal(chunk_print_len(16), 0);
	assert_int_equal(chunk_print_len(0), 0);
	assert_int_equal(mem_array_open(&range, 1, &mem), 0);
	assert_int_equal(chunk_prints(mem, c, 3), 0);
	assert_int_equal(c[0].print, chunk_print(bytes, CHUNK_PRINT_BYTES));
	assert_true(c[0].print != 0);
	assert_int_equal(c[1].print, 0);
	assert_true(c[2].print && c[2].print != c[0].print);
	before = c[0].print;
	bytes[CHUNK_PRINT_BYTES] = 1;
	assert_int_equal(chunk_prints(mem, c, 1), 0);
	assert_true(c[0].print == before);
	bytes[CHUNK_PRINT_BYTES - 1] = 1;
	assert_int_equal(chunk_prints(mem, c, 1), 0);
	assert_false(c[0].print == before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_among_others_in_use_stands),
		cmocka_unit_test(one_before_a_free_chunk_stands),
		cmocka_unit_test(a_free_one_does_not),
		cmocka_unit_test(a_leftover_in_a_free_chunk_is_told_by_what_is_behind_it),
		cmocka_unit_test(a_heap_that_goes_on_elsewhere_is_closed_by_a_small_one),
		cmocka_unit_test(what_makes_no_sense_is_to_be_read_again),
		cmocka_unit_test(one_of_its_own_mapping_has_no_neighbours),
		cmocka_unit_test(prints_are_of_the_first_bytes_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
