// SPDX-License-Identifier: Apache-2.0
#include "base/mem.h"

#include <errno.h>
#include <string.h>

#include "../unit.h"

static uint8_t bytes[10000];

static struct mem *array(void)
{
	const struct mem_range ranges[] = { { 0x1000, bytes, 5000 }, { 0x100000, bytes, 10000 } };
	struct mem *m = NULL;

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7 + (i >> 8));
	assert_int_equal(mem_array_open(ranges, 2, &m), 0);
	return m;
}

static void an_absent_page_is_efault(void **state)
{
	CLEANUP(mem_close_p) struct mem *m = array();
	uint8_t buf[16];
	uint64_t v = 7;

	(void)state;
	assert_int_equal(mem_read(m, 0x1000 + 4990, buf, 10), 0);
	assert_int_equal(mem_read(m, 0x1000 + 4990, buf, 11), -EFAULT);
	assert_int_equal(mem_read(m, UINT64_MAX - 4, buf, 16), -EFAULT);
	assert_int_equal(mem_read_u64(m, 0x500, &v), -EFAULT);
	assert_int_equal(v, 7);
}

static void a_batch_tells_good_from_bad(void **state)
{
	CLEANUP(mem_close_p) struct mem *m = array();
	uint8_t a[8], b[8], c[8];
	struct mem_req reqs[] = { { 0x1000, a, 8, 1 }, { 0, b, 8, 1 }, { 0x100010, c, 8, 1 } };

	(void)state;
	assert_int_equal(mem_read_many(m, reqs, 3), 0);
	assert_int_equal(reqs[0].err, 0);
	assert_int_equal(reqs[1].err, -EFAULT);
	assert_int_equal(reqs[2].err, 0);
	assert_memory_equal(c, bytes + 16, 8);
}

static void a_cache_gives_the_same_bytes_for_fewer_reads(void **state)
{
	CLEANUP(mem_close_p) struct mem *m = array();
	CLEANUP(mem_close_p) struct mem *c = NULL;
	uint8_t buf[300];

	(void)state;
	assert_int_equal(memcache_open(m, 256, 64, &c), 0);
	for (uint64_t at = 0; at + sizeof(buf) < 10000; at += 13) {
		assert_int_equal(mem_read(c, 0x100000 + at, buf, 200), 0);
		assert_memory_equal(buf, bytes + at, 200);
		assert_int_equal(mem_read(c, 0x100000 + at, buf, 300), 0);
		assert_memory_equal(buf, bytes + at, 300);
	}
	assert_in_range(memcache_misses(c), 10000 / 256 - 1, 100);
}

static void a_cache_reads_up_to_the_very_end_of_a_range(void **state)
{
	CLEANUP(mem_close_p) struct mem *m = array();
	CLEANUP(mem_close_p) struct mem *c = NULL;
	uint8_t buf[8];

	(void)state;
	assert_int_equal(memcache_open(m, 4096, 8, &c), 0);
	assert_int_equal(mem_read(c, 0x1000 + 4992, buf, 8), 0);
	assert_memory_equal(buf, bytes + 4992, 8);
	assert_int_equal(mem_read(c, 0x1000 + 4993, buf, 8), -EFAULT);
}

static void a_dropped_cache_sees_new_bytes(void **state)
{
	CLEANUP(mem_close_p) struct mem *m = array();
	CLEANUP(mem_close_p) struct mem *c = NULL;
	uint64_t v;

	(void)state;
	assert_int_equal(memcache_open(m, 64, 8, &c), 0);
	assert_int_equal(mem_read_u64(c, 0x1000, &v), 0);
	memset(bytes, 0x11, 8);
	memcache_drop(c);
	assert_int_equal(mem_read_u64(c, 0x1000, &v), 0);
	assert_true(v == 0x1111111111111111ull);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_absent_page_is_efault),
		cmocka_unit_test(a_batch_tells_good_from_bad),
		cmocka_unit_test(a_cache_gives_the_same_bytes_for_fewer_reads),
		cmocka_unit_test(a_cache_reads_up_to_the_very_end_of_a_range),
		cmocka_unit_test(a_dropped_cache_sees_new_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
