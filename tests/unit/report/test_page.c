// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../unit.h"

#include "base/cleanup.h"
#include "node_samples.h"
#include "report/html.h"
#include "report/page.h"
#include "report/page_parts.h"
#include "report/processes_json.h"

#define CUT "\xe2\x80\xa6"

/* What is written to the file of begin() is `text` after end(). */
struct written {
	char *text;
	size_t size;
	FILE *file;
};

static FILE *begin(struct written *w)
{
	w->file = open_memstream(&w->text, &w->size);
	assert_non_null(w->file);
	return w->file;
}

static const char *end(struct written *w)
{
	assert_int_equal(fclose(w->file), 0);
	return w->text;
}

static void a_name_is_text_wherever_it_stands(void **state)
{
	static const struct {
		const char *name, *shown;
	} cases[] = {
		{ "a&b", "a&amp;b" },
		{ "</a><script>", "&lt;/a&gt;&lt;script&gt;" },
		{ "\" onclick='x'", "&quot; onclick=&#39;x&#39;" },
		{ "\033[2J\n", "\\x1b[2J\\x0a" },
		{ "\xff\xc3", "\\xff\\xc3" },
		{ "\xe2\x80\xae.og", "\\u{202e}.og" },
		{ "\xc3\xa9%s%n", "\xc3\xa9%s%n" },
		{ "", "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct written w;
		char whole[128];

		html_printf(begin(&w), "<b title=\"%s\">", cases[i].name);
		snprintf(whole, sizeof(whole), "<b title=\"%s\">", cases[i].shown);
		assert_string_equal(end(&w), whole);
		free(w.text);
	}
}

static void numbers_are_as_printf_has_them(void **state)
{
	struct written w;

	(void)state;
	html_printf(begin(&w), "%d|%u|%5.2f|%" PRIu64 "|%" PRId64 "|%x|%lx|%zu|%%|%-4d|", -1, ~0u,
		    1.5, UINT64_MAX, INT64_MIN, 255u, 0xabcul, (size_t)7, 3);
	assert_string_equal(end(&w), "-1|4294967295| 1.50|18446744073709551615|"
			    "-9223372036854775808|ff|abc|7|%|3   |");
	free(w.text);
}

static void a_long_name_is_cut_between_characters(void **state)
{
	const char *volatile nothing = NULL;	/* that the compiler does not know of */
	struct written w;

	(void)state;
	html_printf(begin(&w), "%.3s|%.3s|%.2s|%.4s|%.1s|%.0s|%s", "abc", "abcd", "<<<<",
		    "\xe6\x97\xa5\xe6\x9c\xac\xe6\x97\xa5", "ab", "ab", nothing);
	assert_string_equal(end(&w), "abc|ab" CUT "|&lt;" CUT "|\xe6\x97\xa5" CUT "|" CUT "||?");
	free(w.text);
}

static void ten_thousand_characters_are_no_more_than_asked_for(void **state)
{
	char *name = malloc(10001);
	struct written w;

	(void)state;
	assert_non_null(name);
	memset(name, '<', 10000);
	name[10000] = '\0';
	html_printf(begin(&w), "%.80s", name);
	assert_int_equal(strlen(end(&w)), 79 * strlen("&lt;") + strlen(CUT));
	free(w.text);
	free(name);
}

static void backquotes_of_a_sentence_are_code(void **state)
{
	static const struct {
		const char *sentence, *shown;
		size_t most;
	} cases[] = {
		{ "run `a <b>`, then `c`.",
		  "run <code>a &lt;b&gt;</code>, then <code>c</code>.", 99 },
		{ "one ` alone", "one ` alone", 99 },
		{ "``", "<code></code>", 99 },
		{ "cut `abc`", "cut `a" CUT, 7 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct written w;

		html_sentence(cases[i].sentence, cases[i].most, begin(&w));
		assert_string_equal(end(&w), cases[i].shown);
		free(w.text);
	}
}

/* --- Sparklines --- */

static char *spark(const struct node_point *points, uint32_t n, enum page_figure what)
{
	const struct node_history h = { .points = points, .n = n };
	struct written w;

	page_spark(&h, what, true, begin(&w));
	end(&w);
	return w.text;
}

static size_t count(const char *text, const char *what)
{
	size_t n = 0;

	for (const char *p = text; (p = strstr(p, what)); p += strlen(what))
		n++;
	return n;
}

static void one_point_is_no_picture(void **state)
{
	const struct node_point points[] = { { 0, 1000, 5 }, { 60, 0, 0 } };
	char *none = spark(points, 0, FIGURE_RSS), *one = spark(points, 2, FIGURE_GOROUTINES);
	struct written w;

	(void)state;
	page_spark(NULL, FIGURE_RSS, false, begin(&w));
	assert_string_equal(end(&w), "");
	assert_string_equal(none, "");
	assert_string_equal(one, "");
	free(w.text);
	free(none);
	free(one);
}

static void growth_goes_up_and_says_so(void **state)
{
	const struct node_point points[] = { { 0, 0, 100 }, { 60, 0, 150 }, { 120, 0, 200 } };
	char *svg = spark(points, 3, FIGURE_GOROUTINES);

	(void)state;
	assert_non_null(strstr(svg, "aria-label=\"Goroutines in 2m00s: from 100 to 200, "
				    "between 100 and 200\""));
	assert_non_null(strstr(svg, "d=\"M15 145L320 80L625 15\""));
	free(svg);
}

static void a_look_that_failed_is_a_gap(void **state)
{
	const struct node_point points[] = { { 0, 1, 9 }, { 1, 2, 9 }, { 2, 3, 0 }, { 3, 4, 9 },
					     { 4, 5, 9 } };
	char *goroutines = spark(points, 5, FIGURE_GOROUTINES), *rss = spark(points, 5, FIGURE_RSS);

	(void)state;
	/* Two pieces of the line, and two of the area below it. */
	assert_int_equal(count(goroutines, "M"), 4);
	assert_int_equal(count(rss, "M"), 2);
	free(goroutines);
	free(rss);
}

static void a_figure_that_hardly_moves_looks_so(void **state)
{
	const struct node_point points[] = { { 0, 1000000, 0 }, { 60, 1010000, 0 } };
	char *svg = spark(points, 2, FIGURE_RSS);
	int x[2], y[2];

	(void)state;
	assert_int_equal(sscanf(strstr(svg, "-stroke\" d=\""), "-stroke\" d=\"M%d %dL%d %d\"",
				&x[0], &y[0], &x[1], &y[1]), 4);
	assert_in_range(y[0] - y[1], 1, 10);
	free(svg);
}

static void a_rate_is_told_in_a_unit_that_it_is_some_of(void **state)
{
	static const struct {
		enum page_figure what;
		struct trend trend;
		const char *words;
	} cases[] = {
		{ FIGURE_GOROUTINES, { .known = true, .window_s = 60, .rate_per_min = 240 },
		  "+240 a minute" },
		{ FIGURE_GOROUTINES, { .known = true, .window_s = 60, .rate_per_min = 0.4 },
		  "+24 an hour" },
		{ FIGURE_GOROUTINES, { .known = true, .window_s = 60, .rate_per_min = 0.001 }, "" },
		{ FIGURE_RSS, { .known = true, .window_s = 60, .rate_per_min = -3250586 },
		  "\xe2\x88\x92" "3.1 MiB a minute" },
		{ FIGURE_RSS, { .known = true, .window_s = 5, .rate_per_min = 3250586 }, "" },
		{ FIGURE_RSS, { .window_s = 60, .rate_per_min = 3250586 }, "" },
	};
	char buf[512];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_string_equal(page_rate(cases[i].what, &cases[i].trend, buf), cases[i].words);
}

/* --- Whole pages --- */

static char *process_page(struct snapshot *s)
{
	const struct page_options o = { .version = "0.0.0", .node = "n" };
	struct written w;

	assert_int_equal(page_process(s, &o, begin(&w)), 0);
	end(&w);
	return w.text;
}

static char *filled(const char *page, const struct node_process *p)
{
	struct written w;

	assert_int_equal(page_fill(page, strlen(page), p, begin(&w)), 0);
	end(&w);
	return w.text;
}

static void the_slot_takes_what_the_node_knows_once(void **state)
{
	struct node_sample n = node_sample_named("typical");
	struct snapshot *s = sample_typical();
	char *page = process_page(s);
	char *full = filled(page, &n.look.all[1]);
	char *twice = filled(full, &n.look.all[1]);
	char *without = filled(page, NULL);

	(void)state;
	assert_int_equal(count(page, "<svg class=\"spark"), 0);
	assert_int_equal(count(full, "<svg class=\"spark"), 2);
	/* Growth is of many looks: the page's own one could not know. */
	assert_null(strstr(page, "a site grows by 240"));
	assert_int_equal(count(full, "a site grows by 240"), 1);
	assert_string_equal(full, twice);
	assert_int_equal(count(without, "<!--"), 0);
	free(page);
	free(full);
	free(twice);
	free(without);
	snapshot_free(s);
	snapshot_free(n.owner);
}

static void a_page_that_cannot_be_written_says_so(void **state)
{
	struct node_sample n = node_sample_named("typical");
	const struct page_options o = { .version = "0.0.0" };
	const struct processes_options p = { .version = "0.0.0" };
	FILE *full = fopen("/dev/full", "w");

	(void)state;
	assert_non_null(full);
	setvbuf(full, NULL, _IONBF, 0);
	assert_int_equal(page_node(&n.look, &n.self, &o, full), -EIO);
	assert_int_equal(page_process(n.owner, &o, full), -EIO);
	assert_int_equal(processes_json(&n.look, &n.self, &p, full), -EIO);
	assert_int_equal(targets_json(&n.look, &p, full), -EIO);
	fclose(full);
	snapshot_free(n.owner);
}

static void more_than_has_room_is_counted(void **state)
{
	struct node_sample n = node_sample_named("typical");
	const struct page_options o = { .version = "0.0.0", .cards = 1, .rows = 10 };
	struct written w;
	const char *page;

	(void)state;
	assert_int_equal(page_node(&n.look, &n.self, &o, begin(&w)), 0);
	page = end(&w);
	assert_int_equal(count(page, "<article"), 1);
	assert_int_equal(count(page, "<tr>"), 1 + 10);
	assert_non_null(strstr(page, "2 more have findings"));
	assert_non_null(strstr(page, "90 more"));
	free(w.text);
	snapshot_free(n.owner);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_is_text_wherever_it_stands),
		cmocka_unit_test(numbers_are_as_printf_has_them),
		cmocka_unit_test(a_long_name_is_cut_between_characters),
		cmocka_unit_test(ten_thousand_characters_are_no_more_than_asked_for),
		cmocka_unit_test(backquotes_of_a_sentence_are_code),
		cmocka_unit_test(one_point_is_no_picture),
		cmocka_unit_test(growth_goes_up_and_says_so),
		cmocka_unit_test(a_look_that_failed_is_a_gap),
		cmocka_unit_test(a_figure_that_hardly_moves_looks_so),
		cmocka_unit_test(a_rate_is_told_in_a_unit_that_it_is_some_of),
		cmocka_unit_test(the_slot_takes_what_the_node_knows_once),
		cmocka_unit_test(a_page_that_cannot_be_written_says_so),
		cmocka_unit_test(more_than_has_room_is_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
