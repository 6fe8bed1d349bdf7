// SPDX-License-Identifier: Apache-2.0
#include "base/span.h"

#include "../unit.h"

static void reads_are_little_endian(void **state)
{
	struct span s = span_of("\x01\x02\x03\x04\x05\x06\x07\x08", 8);

	(void)state;
	assert_int_equal(span_u8(&s, 1), 0x02);
	assert_int_equal(span_u16(&s, 1), 0x0302);
	assert_int_equal(span_u32(&s, 4), 0x08070605);
	assert_true(span_u64(&s, 0) == 0x0807060504030201ull);
	assert_false(s.overrun);
}

static void a_read_past_the_end_gives_zero_and_sticks(void **state)
{
	struct span s = span_of("\xff\xff\xff", 3);

	(void)state;
	assert_int_equal(span_u32(&s, 0), 0);
	assert_true(s.overrun);
	assert_int_equal(span_u8(&s, 0), 0xff);
	assert_true(s.overrun);
}

static void an_offset_near_two_to_the_64_does_not_wrap(void **state)
{
	struct span s = span_of("abcdefgh", 8);

	(void)state;
	assert_int_equal(span_u64(&s, UINT64_MAX - 3), 0);
	assert_true(s.overrun);
}

static void uvarint_decodes_and_advances(void **state)
{
	struct span s = span_of("\xac\x02\x00\x7f", 4);
	size_t off = 0;

	(void)state;
	assert_int_equal(span_uvarint(&s, &off), 300);
	assert_int_equal(off, 2);
	assert_int_equal(span_uvarint(&s, &off), 0);
	assert_int_equal(span_uvarint(&s, &off), 127);
	assert_false(s.overrun);
}

static void an_endless_uvarint_is_an_overrun(void **state)
{
	struct span s = span_of("\x80\x80\x80\x80\x80\x80\x80", 7);
	size_t off = 0;

	(void)state;
	assert_int_equal(span_uvarint(&s, &off), 0);
	assert_true(s.overrun);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_are_little_endian),
		cmocka_unit_test(a_read_past_the_end_gives_zero_and_sticks),
		cmocka_unit_test(an_offset_near_two_to_the_64_does_not_wrap),
		cmocka_unit_test(uvarint_decodes_and_advances),
		cmocka_unit_test(an_endless_uvarint_is_an_overrun),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
