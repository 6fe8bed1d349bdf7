// SPDX-License-Identifier: Apache-2.0
#include <errno.h>

#include "../unit.h"

#include "analysis/thread_book.h"

static void expect(const struct thread_book *b, uint32_t site, uint64_t born, uint64_t alive)
{
	assert_int_equal(thread_book_at(b, site).born, born);
	assert_int_equal(thread_book_at(b, site).alive, alive);
}

static void who_is_gone_is_no_longer_alive_at_its_site(void **state)
{
	CLEANUP(thread_book_free_p) struct thread_book *b = thread_book_new(2);

	(void)state;
	assert_int_equal(thread_book_born(b, 0, 10, 100), 0);
	assert_int_equal(thread_book_born(b, 1, 11, 101), 0);
	assert_int_equal(thread_book_born(b, 1, 12, 102), 0);
	thread_book_gone(b, 11, 101);
	thread_book_gone(b, 11, 101);
	thread_book_gone(b, 13, 103);
	expect(b, 0, 1, 1);
	expect(b, 1, 2, 1);
	expect(b, 2, 0, 0);
	assert_int_equal(thread_book_born(b, 2, 14, 104), -ENOSPC);
	thread_book_forget(b);
	thread_book_gone(b, 10, 100);
	expect(b, 0, 0, 0);
}

static void an_id_that_comes_again_is_another_thread(void **state)
{
	CLEANUP(thread_book_free_p) struct thread_book *b = thread_book_new(1);

	(void)state;
	assert_int_equal(thread_book_born(b, 0, 10, 100), 0);
	assert_int_equal(thread_book_born(b, 0, 10, 200), 0);
	thread_book_gone(b, 10, 150);
	expect(b, 0, 2, 2);
	thread_book_gone(b, 10, 200);
	expect(b, 0, 2, 1);
}

static void many_that_come_and_go_take_no_room(void **state)
{
	CLEANUP(thread_book_free_p) struct thread_book *b = thread_book_new(1);

	(void)state;
	for (int i = 1; i <= 300000; i++) {
		assert_int_equal(thread_book_born(b, 0, i, 7), 0);
		if (i > 10)
			thread_book_gone(b, i, 7);
	}
	expect(b, 0, 300000, 10);
	for (int i = 1; i <= 10; i++)
		thread_book_gone(b, i, 7);
	expect(b, 0, 300000, 0);
}

static void too_many_are_left_out(void **state)
{
	CLEANUP(thread_book_free_p) struct thread_book *b = thread_book_new(1);
	int i = 1;

	(void)state;
	while (thread_book_born(b, 0, i, 7) == 0)
		i++;
	assert_int_equal(i, 65537);
	thread_book_gone(b, 5, 7);
	assert_int_equal(thread_book_born(b, 0, i, 7), 0);
	expect(b, 0, 65537, 65536);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_is_gone_is_no_longer_alive_at_its_site),
		cmocka_unit_test(an_id_that_comes_again_is_another_thread),
		cmocka_unit_test(many_that_come_and_go_take_no_room),
		cmocka_unit_test(too_many_are_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
