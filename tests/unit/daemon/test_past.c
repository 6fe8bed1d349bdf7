// SPDX-License-Identifier: Apache-2.0
#include "daemon/past.h"

#include <string.h>

#include "model/snapshot.h"

#include "../unit.h"

static const struct node_point points[] = { { 0, 100, 1 }, { 60, 200, 2 } };
static const struct node_history history = { points, 2 };
static const char *const evidence[] = { "3 of 3 passes" };
static const struct finding findings[] = {
	{ .pattern = "orphan-send", .summary = "they wait", .evidence = evidence, .n_evidence = 1 },
};
static const struct node_process processes[] = {
	{ .pid = 4, .start_time = 40, .name = "shop", .history = &history, .findings = findings,
	  .n_findings = 1, .tally = { .looks = 7 }, .not_read = "too many", .unit = "x.service" },
	{ .pid = 5, .start_time = 50 },
};
static const struct node_look look = { .all = processes, .n = 2 };

static void a_process_is_there_with_all_that_is_kept(void **state)
{
	CLEANUP(past_free_p) struct past *p = past_new();
	CLEANUP(past_look_free_p) struct past_look *l = NULL;
	const struct node_process *one;

	(void)state;
	assert_int_equal(past_put(p, &look), 0);
	l = past_get(p);
	one = past_find(l, 4, 40);
	assert_string_equal(one->name, "shop");
	assert_ptr_not_equal(one->history, &history);
	assert_int_equal(one->history->n, 2);
	assert_int_equal(one->history->points[1].rss_bytes, 200);
	assert_string_equal(one->findings[0].evidence[0], "3 of 3 passes");
	assert_int_equal(one->tally.looks, 7);
	assert_string_equal(one->not_read, "too many");
	/* What points into the node is not. */
	assert_null(one->unit);
	assert_null(past_find(l, 5, 50)->history);
}

static void who_was_not_there_is_not_found(void **state)
{
	CLEANUP(past_free_p) struct past *p = past_new();
	CLEANUP(past_look_free_p) struct past_look *l = past_get(p);
	struct past_look *now;

	(void)state;
	assert_null(l);
	assert_null(past_find(l, 4, 40));
	assert_int_equal(past_put(p, &look), 0);
	now = past_get(p);
	/* The pid of another. */
	assert_null(past_find(now, 4, 41));
	assert_null(past_find(now, 6, 60));
	past_look_free(now);
}

static void what_is_held_outlives_the_next_look(void **state)
{
	struct past *p = past_new();
	const struct node_look later = { .all = &processes[1], .n = 1 };
	struct past_look *held;

	(void)state;
	assert_int_equal(past_put(p, &look), 0);
	held = past_get(p);
	assert_int_equal(past_put(p, &later), 0);
	past_free(p);
	assert_string_equal(past_find(held, 4, 40)->name, "shop");
	past_look_free(held);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_process_is_there_with_all_that_is_kept),
		cmocka_unit_test(who_was_not_there_is_not_found),
		cmocka_unit_test(what_is_held_outlives_the_next_look),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
