// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "../unit.h"

#include "base/cleanup.h"
#include "report/columns.h"
#include "report/screen.h"
#include "report/view.h"
#include "samples.h"

/* --- Columns --- */

enum { NUMBER, WHERE, MORE, LAST, COLUMNS };

static void fit(struct column *c, unsigned int width)
{
	static const struct column all[COLUMNS] = {
		[NUMBER] = { .title = "N", .least = 5, .most = 8, .rank = 1 },
		[WHERE] = { .title = "WHERE", .least = 20, .most = 40, .rank = 0 },
		[MORE] = { .title = "MORE", .least = 10, .most = 12, .rank = 2 },
		[LAST] = { .title = "LAST", .least = 4, .most = 4, .rank = 3 },
	};

	memcpy(c, all, sizeof(all));
	columns_fit(c, COLUMNS, width);
}

static void columns_never_reach_beyond_the_width_nor_into_each_other(void **state)
{
	struct column c[COLUMNS];

	(void)state;
	for (unsigned int width = 0; width <= 300; width++) {
		unsigned int end = 0;

		fit(c, width);
		for (size_t i = 0; i < COLUMNS; i++) {
			if (!c[i].width)
				continue;
			assert_true(c[i].at >= end);
			assert_true(c[i].at + c[i].width <= width);
			end = c[i].at + c[i].width + COLUMNS_GAP;
		}
	}
}

static void columns_go_in_the_order_of_their_ranks(void **state)
{
	struct column c[COLUMNS];

	(void)state;
	fit(c, 12);
	assert_int_equal(c[WHERE].width, 12);
	assert_int_equal(c[NUMBER].width, 0);
	fit(c, 27);
	assert_int_equal(c[NUMBER].width, 5);
	assert_int_equal(c[WHERE].at, 7);
	assert_int_equal(c[WHERE].width, 20);
	/* LAST would fit, but MORE goes before it. */
	fit(c, 36);
	assert_int_equal(c[MORE].width, 0);
	assert_int_equal(c[LAST].width, 0);
	fit(c, 45);
	assert_true(c[MORE].width && c[LAST].width);
	/* Nobody gets more than it wants, but for the one that takes what is left. */
	fit(c, 200);
	assert_int_equal(c[NUMBER].width, 8);
	assert_int_equal(c[MORE].width, 12);
	assert_int_equal(c[WHERE].width, 200 - 8 - 12 - 4 - 3 * COLUMNS_GAP);
}

/* --- Rows --- */

static struct frame frames[] = {
	{ .function = "main.Alpha", .file = "/src/one.go", .line = 1 },
	{ .function = "net/http.(*conn).serve", .file = "/go/server.go", .line = 2 },
	{ .function = NULL, .file = NULL },
};
static struct group groups[] = {
	{ .state = GO_WAITING, .wait_reason = "chan send", .oldest_wait_ns = 5000000000,
	  .stack = { .frames = &frames[0], .n = 2 } },
	{ .state = GO_WAITING, .wait_reason = "IO wait", .oldest_wait_ns = WAIT_UNKNOWN,
	  .stack = { .frames = &frames[1], .n = 1 } },
	{ .state = GO_RUNNING, .wait_reason = NULL, .oldest_wait_ns = 9000000000,
	  .stack = { .frames = &frames[2], .n = 1 } },
};
static const struct site sites[] = {
	{ .id = 11, .group = 0, .count = 10, .window_s = 10, .rate_per_min = 100, .grows = true,
	  .verdict = VERDICT_SUSPECT, .pattern = "growing-group" },
	{ .id = 12, .group = 1, .count = 500, .window_s = 10, .rate_per_min = -3 },
	{ .id = 13, .group = 2, .count = 70, .window_s = 0, .rate_per_min = 1e9 },
};
static struct snapshot snapshot = { .groups = groups, .n_groups = 3, .total = 580 };
static const struct interval interval = { .snapshot = &snapshot, .sites = sites, .n_sites = 3 };

static void assert_sites(const struct view *v, size_t n, const uint64_t *keys)
{
	struct view_row *rows;
	size_t found;

	assert_int_equal(view_sites(v, &interval, &rows, &found), 0);
	assert_int_equal(found, n);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(rows[i].key, keys[i]);
	free(rows);
}

static void sites_are_sorted_by_each_key_and_unknowns_come_last(void **state)
{
	struct view v;

	(void)state;
	view_init(&v, false);
	assert_sites(&v, 3, (uint64_t[]){ 11, 12, 13 });
	assert_string_equal(view_sort_name(v.page, v.sort[v.page]), "growth");
	view_key(&v, 's');
	assert_sites(&v, 3, (uint64_t[]){ 12, 13, 11 });
	assert_string_equal(view_sort_name(v.page, v.sort[v.page]), "count");
	view_key(&v, 's');
	assert_sites(&v, 3, (uint64_t[]){ 13, 11, 12 });
	view_key(&v, 's');
	assert_sites(&v, 3, (uint64_t[]){ 11, 12, 13 });
	assert_string_equal(view_sort_name(v.page, v.sort[v.page]), "rate");
	view_key(&v, 's');
	assert_int_equal(v.sort[v.page], VIEW_BY_GROWTH);
}

static void type(struct view *v, const char *text)
{
	assert_int_equal(view_key(v, '/'), VIEW_DRAW);
	for (; *text; text++)
		assert_int_equal(view_key(v, (uint8_t)*text), VIEW_DRAW);
}

static void a_filter_works_as_it_is_typed(void **state)
{
	struct view v;

	(void)state;
	view_init(&v, false);
	type(&v, "alpha");
	assert_sites(&v, 1, (uint64_t[]){ 11 });
	for (int i = 0; i < 5; i++)
		view_key(&v, VIEW_KEY_ERASE);
	assert_true(v.typing);
	assert_sites(&v, 3, (uint64_t[]){ 11, 12, 13 });
	view_key(&v, VIEW_KEY_ERASE);
	assert_false(v.typing);
	/* A file, in an outer frame; a reason; a state where there is none; no directory. */
	type(&v, "SERVER.go");
	assert_sites(&v, 2, (uint64_t[]){ 11, 12 });
	view_key(&v, VIEW_KEY_ESCAPE);
	type(&v, "io w");
	assert_sites(&v, 1, (uint64_t[]){ 12 });
	view_key(&v, VIEW_KEY_ESCAPE);
	type(&v, "running");
	assert_sites(&v, 1, (uint64_t[]){ 13 });
	view_key(&v, VIEW_KEY_ESCAPE);
	type(&v, "/src");
	assert_sites(&v, 0, NULL);
	/* Enter keeps it; then the first Esc takes it away, and the second one ends. */
	view_key(&v, VIEW_KEY_ENTER);
	assert_sites(&v, 0, NULL);
	assert_int_equal(view_key(&v, VIEW_KEY_ESCAPE), VIEW_DRAW);
	assert_sites(&v, 3, (uint64_t[]){ 11, 12, 13 });
	assert_int_equal(view_key(&v, VIEW_KEY_ESCAPE), VIEW_QUIT);
}

static void a_filter_takes_whole_characters_and_never_overflows(void **state)
{
	struct view v;

	(void)state;
	view_init(&v, false);
	view_key(&v, '/');
	for (int i = 0; i < 1000; i++)
		view_key(&v, i % 2 ? 0x1f600 : 0xe9);
	assert_true(strlen(v.filter) < VIEW_FILTER);
	assert_true(strlen(v.filter) > VIEW_FILTER - 5);
	while (v.filter[0]) {
		size_t n = strlen(v.filter);

		view_key(&v, VIEW_KEY_ERASE);
		n -= strlen(v.filter);
		assert_true(n == 2 || n == 4);
	}
	/* Keys that are no text do nothing there, nor do letters act as commands. */
	assert_int_equal(view_key(&v, VIEW_KEY_UP), VIEW_NOTHING);
	assert_int_equal(view_key(&v, 0x01), VIEW_NOTHING);
	assert_int_equal(view_key(&v, 'q'), VIEW_DRAW);
	assert_string_equal(v.filter, "q");
}

/* --- The cursor --- */

static void the_cursor_stays_on_its_row_when_rows_change_places(void **state)
{
	const struct view_row before[] = { { .key = 1 }, { .key = 2 }, { .key = 3 } };
	const struct view_row after[] = { { .key = 3 }, { .key = 9 }, { .key = 1 }, { .key = 2 } };
	struct view v;
	struct view_cursor *c = &v.cursor[VIEW_PROCESS];

	(void)state;
	view_init(&v, false);
	view_settle(&v, before, 3, 10);
	assert_int_equal(c->at, 0);
	/* Until a row is chosen the first one is it, whichever that is. */
	view_settle(&v, after, 4, 10);
	assert_int_equal(c->at, 0);
	view_settle(&v, before, 3, 10);
	view_key(&v, 'j');
	view_settle(&v, before, 3, 10);
	assert_int_equal(c->key, 2);
	view_settle(&v, after, 4, 10);
	assert_int_equal(c->at, 3);
	/* It is gone: the place stays, or the last one. */
	view_settle(&v, after, 2, 10);
	assert_int_equal(c->at, 1);
	assert_int_equal(c->key, 9);
	view_settle(&v, after, 0, 10);
	assert_int_equal(c->at, 0);
}

static void the_cursor_is_always_in_sight(void **state)
{
	struct view_row rows[100];
	struct view v;
	struct view_cursor *c = &v.cursor[VIEW_PROCESS];
	static const uint32_t keys[] = { VIEW_KEY_DOWN, VIEW_KEY_PAGE_DOWN, VIEW_KEY_END,
					 VIEW_KEY_UP, VIEW_KEY_PAGE_UP, VIEW_KEY_HOME, 'j', 'k', 'g', 'G' };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		rows[i] = (struct view_row){ .key = i + 1, .index = i };
	view_init(&v, false);
	srand(1);
	for (int i = 0; i < 20000; i++) {
		size_t n = (size_t)rand() % 101, seen = (size_t)rand() % 30;

		view_settle(&v, rows, n, seen);
		assert_true(n == 0 || c->at < n);
		assert_true(c->first <= c->at);
		assert_true(seen == 0 || c->at < c->first + seen);
		view_key(&v, keys[(size_t)rand() % ARRAY_SIZE(keys)]);
	}
}

static void a_text_scrolls_to_its_end_and_no_further(void **state)
{
	struct view v;

	(void)state;
	view_init(&v, false);
	v.n = 1;
	assert_int_equal(view_key(&v, VIEW_KEY_ENTER), VIEW_DRAW);
	assert_int_equal(v.page, VIEW_SITE);
	view_settle(&v, NULL, 10, 4);
	view_key(&v, 'G');
	view_settle(&v, NULL, 10, 4);
	assert_int_equal(v.cursor[VIEW_SITE].first, 6);
	view_settle(&v, NULL, 3, 4);
	assert_int_equal(v.cursor[VIEW_SITE].first, 0);
	assert_int_equal(view_key(&v, VIEW_KEY_ENTER), VIEW_NOTHING);
	assert_int_equal(view_key(&v, 's'), VIEW_NOTHING);
}

/* --- Pages --- */

static void pages_open_and_close_and_the_first_one_quits(void **state)
{
	const struct view_row rows[] = { { .key = 1 }, { .key = 2 } };
	struct view v;

	(void)state;
	view_init(&v, true);
	/* There is nothing to open. */
	assert_int_equal(view_key(&v, VIEW_KEY_ENTER), VIEW_NOTHING);
	view_settle(&v, rows, 2, 5);
	view_key(&v, 'j');
	view_settle(&v, rows, 2, 5);
	view_key(&v, VIEW_KEY_ENTER);
	assert_int_equal(v.page, VIEW_PROCESS);
	view_settle(&v, rows, 1, 5);
	view_key(&v, VIEW_KEY_ENTER);
	assert_int_equal(v.page, VIEW_SITE);
	/* Help lies over it, and any key takes it away without doing anything else. */
	view_key(&v, '?');
	assert_true(v.help);
	assert_int_equal(view_key(&v, 'q'), VIEW_DRAW);
	assert_false(v.help);
	assert_int_equal(v.page, VIEW_SITE);
	assert_int_equal(view_key(&v, 'q'), VIEW_DRAW);
	assert_int_equal(view_key(&v, VIEW_KEY_ESCAPE), VIEW_DRAW);
	assert_int_equal(v.page, VIEW_NODE);
	assert_int_equal(v.cursor[VIEW_NODE].key, 2);
	assert_int_equal(view_key(&v, 'q'), VIEW_QUIT);
}

/* --- Processes --- */

static void processes_stand_worst_first(void **state)
{
	static const struct process_info info[] = { { .pid = 1, .name = "calm" },
						    { .pid = 2, .name = "leaky" },
						    { .pid = 3, .name = "large" } };
	static struct snapshot large = { .total = 100000 };
	static const struct interval big = { .snapshot = &large, .rss_bytes = 1 << 30 };
	const struct screen_process all[] = {
		{ .key = 1, .process = &info[0] },
		{ .key = 2, .process = &info[1], .now = &interval, .seen = &interval },
		{ .key = 3, .process = &info[2], .now = &big, .seen = &big },
	};
	static const uint64_t orders[][3] = { { 2, 3, 1 }, { 3, 2, 1 }, { 3, 1, 2 }, { 1, 2, 3 } };
	struct screen_verdict verdict;
	struct view_row *rows;
	struct view v;
	size_t n;

	(void)state;
	view_init(&v, true);
	for (size_t i = 0; i < ARRAY_SIZE(orders); i++) {
		assert_int_equal(view_processes(&v, all, 3, &rows, &n), 0);
		assert_int_equal(n, 3);
		for (size_t k = 0; k < n; k++)
			assert_int_equal(rows[k].key, orders[i][k]);
		free(rows);
		view_key(&v, 's');
	}
	screen_judge(&all[1], &verdict);
	assert_int_equal(verdict.worst, VERDICT_SUSPECT);
	assert_string_equal(verdict.pattern, "growing-group");
	assert_true(verdict.per_min == 100);
	type(&v, "LEA");
	assert_int_equal(view_processes(&v, all, 3, &rows, &n), 0);
	assert_int_equal(n, 1);
	free(rows);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(columns_never_reach_beyond_the_width_nor_into_each_other),
		cmocka_unit_test(columns_go_in_the_order_of_their_ranks),
		cmocka_unit_test(sites_are_sorted_by_each_key_and_unknowns_come_last),
		cmocka_unit_test(a_filter_works_as_it_is_typed),
		cmocka_unit_test(a_filter_takes_whole_characters_and_never_overflows),
		cmocka_unit_test(the_cursor_stays_on_its_row_when_rows_change_places),
		cmocka_unit_test(the_cursor_is_always_in_sight),
		cmocka_unit_test(a_text_scrolls_to_its_end_and_no_further),
		cmocka_unit_test(pages_open_and_close_and_the_first_one_quits),
		cmocka_unit_test(processes_stand_worst_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
