// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../unit.h"

#include "base/cleanup.h"
#include "report/go_text.h"
#include "report/line.h"
#include "report/report.h"
#include "report/utf8.h"
#include "report/words.h"
#include "samples.h"

#define SECOND 1000000000ll

static void only_well_formed_utf8_decodes(void **state)
{
	static const struct {
		const char *bytes;
		size_t n, len;
		uint32_t c;
	} cases[] = {
		{ "a", 1, 1, 'a' },	      { "\xc3\xa9", 2, 2, 0xe9 },
		{ "\xe2\x82\xac", 3, 3, 0x20ac }, { "\xf4\x8f\xbf\xbf", 4, 4, 0x10ffff },
		{ "\xc3", 1, 0, 0 },	      { "\xc0\x80", 2, 0, 0 },
		{ "\xe0\x80\x80", 3, 0, 0 },  { "\xed\xa0\x80", 3, 0, 0 },
		{ "\xf4\x90\x80\x80", 4, 0, 0 }, { "\xf0\x80\x80\x80", 4, 0, 0 },
		{ "\x80", 1, 0, 0 },	      { "\xff", 1, 0, 0 },
		{ "\xe2\x28\xa1", 3, 0, 0 },  { "", 0, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint32_t c = 0;

		assert_int_equal(utf8_decode(cases[i].bytes, cases[i].n, &c), cases[i].len);
		assert_int_equal(c, cases[i].c);
	}
}

static void broken_bytes_become_replacement_characters(void **state)
{
	char *s = utf8_repair("a\xff\xc3(\xe2\x82\xac\xe2\x82");

	(void)state;
	assert_string_equal(s, "a" UTF8_REPLACEMENT UTF8_REPLACEMENT "(\xe2\x82\xac" UTF8_REPLACEMENT
			       UTF8_REPLACEMENT);
	free(s);
}

static void what_a_terminal_acts_upon_is_escaped(void **state)
{
	char buf[64];

	(void)state;
	assert_string_equal(text_escape("a\033[1m\n\x7f", buf, sizeof(buf)), "a\\x1b[1m\\x0a\\x7f");
	assert_string_equal(text_escape("\xc2\x9b\xe2\x80\xae\xff", buf, sizeof(buf)),
			    "\\u{9b}\\u{202e}\\xff");
	assert_string_equal(text_escape("\xc3\xa9", buf, sizeof(buf)), "\xc3\xa9");
	/* Never a part of a character. */
	assert_string_equal(text_escape("ab\xc3\xa9", buf, 4), "ab");
	assert_string_equal(text_escape("ab\033", buf, 6), "ab");
	assert_int_equal(text_columns("\xe6\x97\xa5\n"), 2 + 4);
	assert_int_equal(text_length("\xe6\x97\xa5\n"), 1 + 4);
}

static void a_line_is_cut_where_its_width_ends(void **state)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	struct line l;

	(void)state;
	assert_non_null(out);
	line_init(&l, 1, false);
	assert_int_equal(l.width, LINE_MIN_WIDTH);
	for (int i = 0; i < 39; i++)
		line_put(&l, "x");
	line_put(&l, "\xe6\x97\xa5");	/* two columns wide: does not fit */
	line_put(&l, "never seen");
	line_end(&l, out);
	line_put_cut(&l, "abcdef", 4);
	line_pad(&l, 10);
	line_put_right(&l, "9", 3);
	line_put(&l, "   ");
	line_end(&l, out);
	fclose(out);
	assert_string_equal(text, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\xe2\x80\xa6\n"
				  "abc\xe2\x80\xa6        9\n");
	free(text);
}

static void numbers_are_written_for_people(void **state)
{
	char b[WORDS_NUMBER];

	(void)state;
	assert_string_equal(words_count(0, b), "0");
	assert_string_equal(words_count(999, b), "999");
	assert_string_equal(words_count(12031, b), "12,031");
	assert_string_equal(words_count(~0ull, b), "18,446,744,073,709,551,615");
	assert_string_equal(words_bytes(1023, b), "1023 B");
	assert_string_equal(words_bytes(1536, b), "1.5 KiB");
	assert_string_equal(words_bytes(2040109465, b), "1.8 GiB");
	assert_string_equal(words_bytes(~0ull, b), "15.9 EiB");
	assert_string_equal(words_age(WAIT_UNKNOWN, b), "-");
	assert_string_equal(words_age(59 * SECOND + SECOND - 1, b), "59s");
	assert_string_equal(words_age(3599 * SECOND, b), "59m");
	assert_string_equal(words_age(47 * 3600 * SECOND, b), "47h");
	assert_string_equal(words_age(72 * 3600 * SECOND, b), "3d");
	assert_string_equal(words_uptime(274500, b), "3d04h");
	assert_string_equal(words_uptime(750, b), "12m30s");
}

static void a_place_keeps_its_file_and_the_end_of_its_name(void **state)
{
	const struct frame f = { .function = "example.com/a/pkg.(*Type).method", .line = 12,
				 .file = "/src/pkg/file.go", .pc = 0x401234 };
	const struct frame unknown = { .pc = 0x401234 };
	char b[WORDS_CELL];

	(void)state;
	assert_string_equal(words_place(&f, 80, b), "example.com/a/pkg.(*Type).method file.go:12");
	assert_string_equal(words_place(&f, 40, b), "pkg.(*Type).method file.go:12");
	assert_string_equal(words_place(&f, 26, b), "\xe2\x80\xa6(*Type).method file.go:12");
	assert_string_equal(words_place(&unknown, 26, b), "0x401234");
}

static void a_wait_object_is_told_in_a_cell(void **state)
{
	struct wait_object w = { .kind = WAIT_CHAN, .known = true,
				 .chan = { .addr = 1, .type = "error", .senders = 1 } };
	char b[WORDS_CELL];

	(void)state;
	assert_string_equal(words_wait(&w, b), "chan error 0/0, 1 tx");
	w.chan.senders = 1048576;
	w.chan.senders_more = w.chan.closed = true;
	w.chan.receivers = WAIT_UNKNOWN;
	assert_string_equal(words_wait(&w, b), "chan error 0/0 closed, 1,048,576+ tx");
	w.chan.addr = 0;
	assert_string_equal(words_wait(&w, b), "nil chan");
	w.known = false;
	assert_string_equal(words_wait(&w, b), "chan ?");
	w = (struct wait_object){ .kind = WAIT_FD, .known = true,
				  .fd = { .fd = 7, .proto = "tcp", .peer = "10.0.3.7:443",
					  .tcp_state = "ESTABLISHED", .deadline_known = true } };
	assert_string_equal(words_wait(&w, b), "fd 7 10.0.3.7:443 ESTABLISHED, no deadline");
	w.fd.has_deadline = true;
	w.fd.deadline_left_ns = -SECOND;
	assert_string_equal(words_wait(&w, b), "fd 7 10.0.3.7:443 ESTABLISHED, deadline overdue");
	/* A core has no now: nothing can be overdue in it. */
	w.fd.deadline_left_ns = TIME_UNKNOWN;
	assert_string_equal(words_wait(&w, b), "fd 7 10.0.3.7:443 ESTABLISHED, deadline");
	w = (struct wait_object){ .kind = WAIT_TIMER, .known = true, .timer = { 250 * SECOND } };
	assert_string_equal(words_wait(&w, b), "timer 4m left");
	w = (struct wait_object){ .kind = WAIT_MUTEX, .known = true, .sync = { .waiters = 4 } };
	assert_string_equal(words_wait(&w, b), "mutex, 4 waiting");
	w = (struct wait_object){ .kind = WAIT_WAITGROUP, .known = true,
				  .sync = { .waiters = WAIT_UNKNOWN, .counter = 3 } };
	assert_string_equal(words_wait(&w, b), "waitgroup count 3");
	w = (struct wait_object){ .kind = WAIT_NONE };
	assert_string_equal(words_wait(&w, b), "");
}

static void strings_are_quoted_as_go_does(void **state)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	assert_non_null(out);
	go_quote("a\"\\\n\a\v\x01\x7f\xff \xc3\xa9\xc2\xa0\xe2\x80\xae\xf3\xa0\x80\x81", out);
	fclose(out);
	/* What strconv.Quote of Go 1.26 gives for these bytes. */
	assert_string_equal(text, "\"a\\\"\\\\\\n\\a\\v\\x01\\x7f\\xff \xc3\xa9\\u00a0\\u202e\\U000e0001\"");
	free(text);
}

static char *written(const struct report_format *f, const struct snapshot *s,
		     const struct report_options *o, size_t *size)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, size);

	assert_non_null(out);
	assert_int_equal(f->write(s, out, o), 0);
	fclose(out);
	return text;
}

/* Counts with utf8_columns(): what is not shown as it is must not be there at all. */
static void expect_lines_within(const char *text, unsigned int width)
{
	size_t n = strlen(text), columns = 0;
	char last = '\0';

	while (n) {
		uint32_t c;
		size_t len = utf8_decode(text, n, &c);

		assert_true(len > 0);
		if (c == '\n') {
			assert_true(last != ' ');
			columns = 0;
		} else {
			assert_true(utf8_columns(c) > 0);
			columns += utf8_columns(c);
			assert_true(columns <= width);
		}
		last = *text;
		text += len;
		n -= len;
	}
}

static void text_is_never_wider_than_told(void **state)
{
	static const unsigned int widths[] = { 40, 41, 79, 80, 81, 100, 129, 130, 200, 400 };

	(void)state;
	for (size_t i = 0; sample_names[i]; i++) {
		CLEANUP(snapshot_free_p) struct snapshot *s = sample_named(sample_names[i]);

		for (size_t w = 0; w < ARRAY_SIZE(widths); w++) {
			const struct report_options o = { .width = widths[w], .list = true };
			size_t size;
			char *text = written(report_format_find("text"), s, &o, &size);

			expect_lines_within(text, widths[w]);
			assert_int_equal(strlen(text), size);
			free(text);
		}
	}
}

static void colour_changes_no_visible_character(void **state)
{
	const struct report_options plain = { .width = 80, .top = 3 };
	const struct report_options colour = { .width = 80, .top = 3, .colour = true };
	CLEANUP(snapshot_free_p) struct snapshot *s = sample_typical();
	size_t size, n = 0;
	char *want = written(report_format_find("text"), s, &plain, &size);
	char *got = written(report_format_find("text"), s, &colour, &size);

	(void)state;
	for (size_t i = 0; i < size; i++) {
		if (got[i] == '\033') {
			i += strcspn(got + i, "m");
			continue;
		}
		got[n++] = got[i];
	}
	got[n] = '\0';
	assert_string_equal(got, want);
	free(want);
	free(got);
}

static void only_the_first_groups_are_shown_and_the_rest_counted(void **state)
{
	const struct report_options o = { .width = 80, .top = 2 };
	CLEANUP(snapshot_free_p) struct snapshot *s = sample_typical();
	size_t size;
	char *text = written(report_format_find("text"), s, &o, &size);

	(void)state;
	assert_non_null(strstr(text, "main.fetch.func1 fetch.go:48"));
	assert_null(strstr(text, "readLoop"));
	assert_non_null(strstr(text, "... and 6 more groups (5,009 goroutines)"));
	free(text);
}

static void a_full_disk_is_an_error_in_every_format(void **state)
{
	CLEANUP(snapshot_free_p) struct snapshot *s = sample_huge();

	(void)state;
	for (const struct report_format *f = report_formats; f->name; f++) {
		FILE *out = fopen("/dev/full", "w");
		int r;

		assert_non_null(out);
		setvbuf(out, NULL, _IOFBF, 64);
		r = f->write(s, out, &(struct report_options){ .width = 80 });
		assert_true(r == -EIO || fflush(out) == EOF);
		fclose(out);
	}
}

static void every_contract_format_is_in_the_table(void **state)
{
	static const char *const names[] = { "text",	   "json",  "folded", "flamegraph",
					     "pprof", "debug1", "debug2" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		assert_non_null(report_format_find(names[i]));
	assert_null(report_format_find("yaml"));
	assert_true(report_format_find("pprof")->binary);
	assert_true(report_format_find("debug2")->needs_goroutines);
}

static void long_stacks_of_debug2_are_elided_as_go_does(void **state)
{
	struct frame frames[130] = { { .pc = 0x1000, .entry = 0x1000, .function = "runtime.gopark" } };
	struct group group = { .id = 1, .count = 1, .state = GO_WAITING,
			       .stack = { .frames = frames, .n = ARRAY_SIZE(frames) } };
	struct goroutine g = { .id = 9, .state = GO_WAITING, .wait_reason = "select",
			       .wait_ns = WAIT_UNKNOWN };
	struct snapshot s = { .groups = &group, .n_groups = 1, .goroutines = &g, .n_goroutines = 1 };
	size_t size;
	char *text;

	(void)state;
	for (size_t i = 1; i < ARRAY_SIZE(frames); i++)
		frames[i] = (struct frame){ .pc = 0x2000, .entry = 0x1000, .file = "/x.go",
					    .line = (uint32_t)i, .function = "main.f[go.shape.int]" };
	text = written(report_format_find("debug2"), &s, &(struct report_options){ 0 }, &size);
	assert_non_null(strstr(text, "goroutine 9 [select]:\nmain.f[...](...)\n\t/x.go:1 +0x1000\n"));
	assert_non_null(strstr(text, "\t/x.go:50 +0x1000\n...29 frames elided...\nmain.f[...](...)\n"
				     "\t/x.go:80 +0x1000\n"));
	free(text);
	/* Nothing but the runtime's: then all of it. */
	group.stack.n = 1;
	text = written(report_format_find("debug2"), &s, &(struct report_options){ 0 }, &size);
	assert_string_equal(text, "goroutine 9 [select]:\nruntime.gopark(...)\n\t?:0\n");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_well_formed_utf8_decodes),
		cmocka_unit_test(broken_bytes_become_replacement_characters),
		cmocka_unit_test(what_a_terminal_acts_upon_is_escaped),
		cmocka_unit_test(a_line_is_cut_where_its_width_ends),
		cmocka_unit_test(numbers_are_written_for_people),
		cmocka_unit_test(a_place_keeps_its_file_and_the_end_of_its_name),
		cmocka_unit_test(a_wait_object_is_told_in_a_cell),
		cmocka_unit_test(strings_are_quoted_as_go_does),
		cmocka_unit_test(text_is_never_wider_than_told),
		cmocka_unit_test(colour_changes_no_visible_character),
		cmocka_unit_test(only_the_first_groups_are_shown_and_the_rest_counted),
		cmocka_unit_test(a_full_disk_is_an_error_in_every_format),
		cmocka_unit_test(every_contract_format_is_in_the_table),
		cmocka_unit_test(long_stacks_of_debug2_are_elided_as_go_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
