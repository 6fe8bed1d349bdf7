// SPDX-License-Identifier: Apache-2.0
#include "daemon/board.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../unit.h"

static int publish(struct board *b, const char *name, const char *text)
{
	return board_publish(b, name, "text/plain", strdup(text), strlen(text));
}

static void nothing_hangs_there_until_it_is_published(void **state)
{
	CLEANUP(board_free_p) struct board *b = board_new();

	(void)state;
	assert_null(board_get(b, "/metrics"));
	assert_int_equal(publish(b, "/targets", "[]"), 0);
	assert_null(board_get(b, "/metrics"));
}

static void what_is_taken_stays_when_another_takes_its_place(void **state)
{
	struct board *b = board_new();
	CLEANUP(body_free_p) struct body *first = NULL;
	CLEANUP(body_free_p) struct body *second = NULL;

	(void)state;
	assert_int_equal(publish(b, "/metrics", "one"), 0);
	first = board_get(b, "/metrics");
	assert_int_equal(publish(b, "/metrics", "two!"), 0);
	second = board_get(b, "/metrics");
	board_free(b);
	assert_string_equal(first->bytes, "one");
	assert_int_equal(first->len, 3);
	assert_int_equal(first->number, 1);
	assert_string_equal(second->bytes, "two!");
	assert_string_equal(second->type, "text/plain");
	assert_int_equal(second->number, 2);
	assert_true(second->time_s >= first->time_s);
}

static void more_names_than_there_is_room_for_are_refused(void **state)
{
	CLEANUP(board_free_p) struct board *b = board_new();
	static char names[BOARD_NAMES + 1][8];

	(void)state;
	for (int i = 0; i < BOARD_NAMES; i++) {
		snprintf(names[i], sizeof(names[i]), "/%d", i);
		assert_int_equal(publish(b, names[i], "x"), 0);
	}
	assert_int_equal(publish(b, "/more", "x"), -ENOSPC);
	assert_int_equal(publish(b, "/0", "y"), 0);
}

static void no_bytes_are_memory_that_was_short(void **state)
{
	CLEANUP(board_free_p) struct board *b = board_new();

	(void)state;
	assert_int_equal(board_publish(b, "/metrics", "text/plain", NULL, 0), -ENOMEM);
	assert_null(board_get(b, "/metrics"));
}

struct readers {
	struct board *board;
	atomic_bool stop;
	atomic_uint seen, torn;
};

/* Every body is one digit over and over: another one in it would be of another body. */
static void *read_on(void *arg)
{
	struct readers *r = arg;

	while (!atomic_load(&r->stop)) {
		CLEANUP(body_free_p) struct body *body = board_get(r->board, "/metrics");

		for (size_t i = 1; body && i < body->len; i++)
			if (body->bytes[i] != body->bytes[0])
				atomic_fetch_add(&r->torn, 1);
		atomic_fetch_add(&r->seen, body != NULL);
	}
	return NULL;
}

static void readers_never_see_a_body_that_is_gone(void **state)
{
	struct readers r = { .board = board_new() };
	pthread_t threads[3];

	(void)state;
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, read_on, &r), 0);
	for (int i = 0; i < 2000 || atomic_load(&r.seen) < 100; i++) {
		char *bytes = malloc(513);

		memset(bytes, '0' + i % 10, 512);
		bytes[512] = '\0';
		assert_int_equal(board_publish(r.board, "/metrics", "text/plain", bytes, 512), 0);
	}
	atomic_store(&r.stop, true);
	for (size_t i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(r.torn, 0);
	board_free(r.board);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_hangs_there_until_it_is_published),
		cmocka_unit_test(what_is_taken_stays_when_another_takes_its_place),
		cmocka_unit_test(more_names_than_there_is_room_for_are_refused),
		cmocka_unit_test(no_bytes_are_memory_that_was_short),
		cmocka_unit_test(readers_never_see_a_body_that_is_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
