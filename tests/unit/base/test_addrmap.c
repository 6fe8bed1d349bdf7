// SPDX-License-Identifier: Apache-2.0
#include "base/addrmap.h"

#include <errno.h>

#include "../unit.h"

static void every_key_comes_back_however_many_there_are(void **state)
{
	CLEANUP(addrmap_free_p) struct addrmap *m = addrmap_new();
	uint32_t v;

	(void)state;
	for (uint32_t i = 0; i < 100000; i++)
		assert_int_equal(addrmap_put(m, (uint64_t)i << 12, i), 0);
	assert_int_equal(addrmap_count(m), 100000);
	for (uint32_t i = 0; i < 100000; i++) {
		assert_int_equal(addrmap_get(m, (uint64_t)i << 12, &v), 0);
		assert_int_equal(v, i);
	}
	assert_int_equal(addrmap_get(m, 1, &v), -ENOENT);
}

static void zero_and_all_ones_are_keys_like_others(void **state)
{
	CLEANUP(addrmap_free_p) struct addrmap *m = addrmap_new();
	uint32_t v = 0;

	(void)state;
	assert_int_equal(addrmap_get(m, 0, &v), -ENOENT);
	assert_int_equal(addrmap_put(m, 0, 7), 0);
	assert_int_equal(addrmap_put(m, UINT64_MAX, 8), 0);
	assert_int_equal(addrmap_put(m, 0, 9), 0);
	assert_int_equal(addrmap_get(m, 0, &v), 0);
	assert_int_equal(v, 9);
	assert_int_equal(addrmap_count(m), 2);
	addrmap_clear(m);
	assert_int_equal(addrmap_count(m), 0);
	assert_int_equal(addrmap_get(m, UINT64_MAX, &v), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_key_comes_back_however_many_there_are),
		cmocka_unit_test(zero_and_all_ones_are_keys_like_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
