// SPDX-License-Identifier: Apache-2.0
/* Draws every page of every sample into windows of every kind of size. */
#include <curses.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../unit.h"

#include "base/cleanup.h"
#include "interval_samples.h"
#include "report/screen.h"
#include "samples.h"

static const struct screen_form form = { .colour = true, .utf8 = true, .every_s = 5,
					 .note = "a note\033[2J" };

static void press(struct screen *s, const struct screen_list *list, const char *keys)
{
	for (; *keys; keys++) {
		view_key(screen_view(s), *keys == '\r' ? (uint32_t)VIEW_KEY_ENTER : (uint8_t)*keys);
		assert_int_equal(screen_arrange(s, list), 0);
	}
}

static void draw_every_size(struct screen *s)
{
	static const int sizes[][2] = { { 1, 1 }, { 2, 3 }, { 5, 20 }, { 3, 200 }, { 40, 7 },
					{ 12, 40 }, { 24, 80 }, { 60, 250 } };

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		WINDOW *w = newpad(sizes[i][0], sizes[i][1]);
		struct screen_form poor = form;

		assert_non_null(w);
		screen_draw(s, w, &form);
		poor.utf8 = false;
		screen_draw(s, w, &poor);
		delwin(w);
	}
}

/* What the window shows, a line each. */
static char *shown(struct screen *s, int rows, int columns)
{
	WINDOW *w = newpad(rows, columns);
	char *text = calloc((size_t)rows * ((size_t)columns * 4 + 1) + 1, 1), *at = text;

	assert_non_null(w);
	assert_non_null(text);
	screen_draw(s, w, &form);
	for (int y = 0; y < rows; y++) {
		char line[4096];

		assert_true(mvwinnstr(w, y, 0, line, sizeof(line) - 1) != ERR);
		at = stpcpy(stpcpy(at, line), "\n");
	}
	delwin(w);
	return text;
}

static void assert_shows(struct screen *s, const char *what)
{
	char *text = shown(s, 40, 160);

	assert_non_null(strstr(text, what));
	free(text);
}

static const char *const pages[] = { "", "j", "\r", "\rG", "\r/e\r", "\rs", "\rss", "\r\r", "\r\rG",
				     "?", "/x", "f", "\rf", "\r\rf", "s", "ss", "sss" };

static void every_page_of_every_sample_can_be_drawn_at_every_size(void **state)
{
	(void)state;
	for (size_t n = 0; sample_names[n]; n++) {
		struct snapshot *sample = sample_named(sample_names[n]);
		struct interval i = interval_sample(sample);
		const struct screen_process all[] = {
			{ .key = 7, .process = &sample->process, .now = &i, .seen = &i },
			{ .key = 8, .process = &sample->process },
		};
		const struct screen_list list = { .all = all, .n = ARRAY_SIZE(all) };
		const struct screen_list alone = { .all = all, .n = 1 };

		for (size_t k = 0; k < ARRAY_SIZE(pages); k++) {
			struct screen *s = screen_new(true), *one = screen_new(false);

			press(s, &list, pages[k]);
			assert_int_equal(screen_arrange(s, &list), 0);
			draw_every_size(s);
			press(one, &alone, *pages[k] == '\r' ? pages[k] + 1 : pages[k]);
			assert_int_equal(screen_arrange(one, &alone), 0);
			draw_every_size(one);
			screen_free(s);
			screen_free(one);
		}
		snapshot_free(sample);
	}
}

static void nothing_on_the_screen_steers_it(void **state)
{
	struct snapshot *sample = sample_hostile();
	struct interval i = interval_sample(sample);
	const struct screen_process all = { .process = &sample->process, .now = &i, .seen = &i };
	const struct screen_list list = { .all = &all, .n = 1 };

	(void)state;
	for (size_t k = 0; k < ARRAY_SIZE(pages); k++) {
		struct screen *s = screen_new(false);
		char *text;

		press(s, &list, pages[k]);
		assert_int_equal(screen_arrange(s, &list), 0);
		text = shown(s, 50, 200);
		for (const char *c = text; *c; c++)
			assert_true(*c == '\n' || ((uint8_t)*c >= 0x20 && *c != 0x7f));
		free(text);
		screen_free(s);
	}
	snapshot_free(sample);
}

/* Under a sanitizer, or valgrind, this says whether all of it was copied. */
static void a_frozen_picture_needs_nothing_of_what_it_was_made_of(void **state)
{
	(void)state;
	for (size_t n = 0; sample_names[n]; n++) {
		struct snapshot *sample = sample_named(sample_names[n]);
		struct interval *i = malloc(sizeof(*i));
		struct screen_process *p = malloc(sizeof(*p));
		struct screen_list list = { .all = p, .n = 1 };
		struct screen *s = screen_new(false);

		assert_non_null(i);
		assert_non_null(p);
		*i = interval_sample(sample);
		*p = (struct screen_process){ .process = &sample->process, .now = i, .seen = i };
		press(s, &list, "f");
		memset((void *)i->sites, 0xff, i->n_sites * sizeof(*i->sites));
		if (sample->groups)
			memset(sample->groups, 0xff, sample->n_groups * sizeof(*sample->groups));
		snapshot_free(sample);
		memset(i, 0xff, sizeof(*i));
		free(i);
		memset(p, 0xff, sizeof(*p));
		free(p);
		list = (struct screen_list){ 0 };
		for (size_t k = 0; k < 3; k++) {
			draw_every_size(s);
			press(s, &list, k ? "G" : "\r");
		}
		assert_shows(s, "FROZEN");
		screen_free(s);
	}
}

static struct node_process node_process(int pid, const char *name)
{
	return (struct node_process){
		.pid = pid, .start_time = 1, .name = name, .kind = NODE_C, .uptime_s = -1,
		.cores = 0.25,
		.rss = { .known = true, .now = 5 << 20, .delta = 4096 },
		.threads = { .known = true, .now = 17 },
	};
}

static void processes_of_a_node_stand_as_they_came_and_open(void **state)
{
	static const struct finding found = { .pattern = "lock-cycle", .verdict = VERDICT_PROVEN,
					      .summary = "three threads wait for each other" };
	struct node_process plain = node_process(20, "dead\033lock");
	struct node_process other = node_process(10, "idle");
	struct node_look look = { .n = 2, .n_go = 1, .long_waits = 12, .unreadable = 3, .stuck = 1,
				  .futex.refused = "not root" };
	struct screen_process all[2];
	struct screen_list list = { .all = all, .n = 2, .node = &look };
	struct screen *s = screen_new(true);
	char *text;

	(void)state;
	plain.findings = &found;
	plain.n_findings = 1;
	other.not_read = "not ours";
	all[0] = (struct screen_process){ .key = 1, .node = &plain };
	all[1] = (struct screen_process){ .key = 2, .node = &other };
	assert_int_equal(screen_arrange(s, &list), 0);
	text = shown(s, 24, 160);
	assert_non_null(strstr(text, "2 processes  1 of them Go  12 long waits"));
	assert_non_null(strstr(text, "futex refused: not root"));
	assert_true(strstr(text, "dead\\x1block") < strstr(text, "idle"));
	assert_non_null(strstr(text, "proven lock-cycle"));
	free(text);
	press(s, &list, "f");
	memset(&plain, 0xff, sizeof(plain));
	press(s, &list, "\r");
	assert_shows(s, "three threads wait for each other");
	assert_shows(s, "17 threads");
	draw_every_size(s);
	press(s, &list, "qj\r");
	assert_shows(s, "not ours");
	/* Let go, and gone: back to the list, of whoever is there. */
	list.n = 0;
	press(s, &list, "f");
	assert_shows(s, "no process to watch yet");
	screen_free(s);
}

static void a_look_that_was_not_had_leaves_the_last_one_there(void **state)
{
	struct snapshot *sample = sample_typical();
	struct interval before = interval_sample(sample);
	const struct interval now = { .number = 9, .state = WATCH_STOPPED, .reason = "stopped by T",
				      .overhead.target_cpu = -1 };
	const struct screen_process p = { .process = &sample->process, .now = &now,
					  .seen = &before };
	const struct screen_list list = { .all = &p, .n = 1 };
	struct screen *s = screen_new(false);

	(void)state;
	assert_int_equal(screen_arrange(s, &list), 0);
	assert_shows(s, "stopped: stopped by T");
	assert_shows(s, "A MINUTE");
	screen_free(s);
	snapshot_free(sample);
}

static int open_terminal(void **state)
{
	FILE *null = fopen("/dev/null", "r+");

	(void)state;
	setlocale(LC_CTYPE, "C.UTF-8");
	return null && newterm("xterm", null, null) ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_page_of_every_sample_can_be_drawn_at_every_size),
		cmocka_unit_test(nothing_on_the_screen_steers_it),
		cmocka_unit_test(a_frozen_picture_needs_nothing_of_what_it_was_made_of),
		cmocka_unit_test(processes_of_a_node_stand_as_they_came_and_open),
		cmocka_unit_test(a_look_that_was_not_had_leaves_the_last_one_there),
	};

	return cmocka_run_group_tests(tests, open_terminal, NULL);
}
