// SPDX-License-Identifier: Apache-2.0
#include "collect/stale_words.h"

#include "../unit.h"

static bool add(struct stale_words *s, uint64_t at, uint64_t value)
{
	bool old = false;

	assert_int_equal(stale_words_add(s, at, value, &old), 0);
	return old;
}

static void what_the_search_before_saw_is_old(void **state)
{
	struct stale_words *s = stale_words_new();

	(void)state;
	assert_int_equal(stale_words_begin(s), 0);
	assert_true(stale_words_first(s));
	assert_true(add(s, 0xc000001000, 0xc000002000));
	assert_true(add(s, 0xc000001008, 0xc000002000));
	assert_int_equal(stale_words_begin(s), 0);
	assert_false(stale_words_first(s));
	assert_true(add(s, 0xc000001000, 0xc000002000));
	/* Another word, and in a place where there was none. */
	assert_false(add(s, 0xc000001008, 0xc000002008));
	assert_false(add(s, 0xc000001010, 0xc000002000));
	assert_int_equal(stale_words_begin(s), 0);
	assert_true(add(s, 0xc000001010, 0xc000002000));
	assert_int_equal(stale_words_begin(s), 0);
	/* The one before did not see it, whatever did earlier. */
	assert_false(add(s, 0xc000001000, 0xc000002000));
	stale_words_free(s);
}

static void a_span_is_known_again_by_its_objects(void **state)
{
	struct stale_words *s = stale_words_new();

	(void)state;
	assert_int_equal(stale_words_begin(s), 0);
	assert_true(stale_words_had_span(s, 0xc000002000, 8));
	assert_int_equal(stale_words_note_span(s, 0xc000002000, 8), 0);
	assert_int_equal(stale_words_begin(s), 0);
	assert_true(stale_words_had_span(s, 0xc000002000, 8));
	/* It was another one's page, or nobody's. */
	assert_false(stale_words_had_span(s, 0xc000002000, 16));
	assert_false(stale_words_had_span(s, 0xc000004000, 8));
	assert_int_equal(stale_words_begin(s), 0);
	assert_false(stale_words_had_span(s, 0xc000002000, 8));
	stale_words_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_search_before_saw_is_old),
		cmocka_unit_test(a_span_is_known_again_by_its_objects),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
