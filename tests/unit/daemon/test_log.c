// SPDX-License-Identifier: Apache-2.0
#include "daemon/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "daemon/log_rate.h"

#include "../unit.h"

/* Standard error is a pipe of the test's own, from setup to teardown. */
static int kept = -1, reader = -1;

static int take_stderr(void **state)
{
	int ends[2];

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	kept = dup(STDERR_FILENO);
	dup2(ends[1], STDERR_FILENO);
	close(ends[1]);
	reader = ends[0];
	fcntl(reader, F_SETFL, O_NONBLOCK);
	unsetenv("JOURNAL_STREAM");
	log_open(SAY_INFO);
	return 0;
}

static int give_stderr_back(void **state)
{
	(void)state;
	dup2(kept, STDERR_FILENO);
	close(kept);
	close(reader);
	return 0;
}

/* What stands there, at most the first of it that fits; empty: nothing. */
static const char *said(void)
{
	static char text[8192];
	ssize_t n = read(reader, text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

static void assert_ends(const char *line, const char *end)
{
	size_t n = strlen(line), m = strlen(end);

	if (n < m || strcmp(line + n - m, end) != 0)
		fail_msg("%s does not end with %s", line, end);
}

static void a_line_is_pairs_with_time_and_level(void **state)
{
	struct log_line l;
	const char *line;

	(void)state;
	log_begin(&l, SAY_WARNING, "one", "%s of %d", "some", 3);
	log_text(&l, "proc", "4242-17");
	log_text(&l, "none", NULL);
	log_number(&l, "errno", -2);
	log_real(&l, "span_s", 0.25);
	log_end(&l);
	line = said();
	assert_int_equal(strncmp(line, "time=20", 7), 0);
	assert_ends(line, "Z level=warning event=one msg=\"some of 3\" proc=\"4242-17\" errno=-2 "
		    "span_s=0.25\n");
}

static void the_journal_gets_a_priority_in_place_of_these(void **state)
{
	char stream[64];
	struct stat st;

	(void)state;
	assert_int_equal(fstat(STDERR_FILENO, &st), 0);
	snprintf(stream, sizeof(stream), "%lu:%lu", (unsigned long)st.st_dev,
		 (unsigned long)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	log_open(SAY_INFO);
	log_say(SAY_ERROR, "two", "it is so");
	assert_string_equal(said(), "<3>event=two msg=\"it is so\"\n");
	/* One of a parent's, whose standard error was another. */
	setenv("JOURNAL_STREAM", "1:2", 1);
	log_open(SAY_INFO);
	log_say(SAY_ERROR, "two", "it is so");
	assert_int_equal(strncmp(said(), "time=", 5), 0);
}

static void what_is_a_targets_cannot_make_a_line_of_its_own(void **state)
{
	struct log_line l;

	(void)state;
	log_begin(&l, SAY_NOTICE, "three", "x");
	log_text(&l, "name", "a\"b\\c\nd\x1b[1m\xff\xc3\xa9");
	log_end(&l);
	assert_ends(said(), "name=\"a\\\"b\\\\c\\x0ad\\x1b[1m\\xff\xc3\xa9\"\n");
}

static void what_does_not_fit_is_cut_and_still_a_line(void **state)
{
	static char huge[5000];
	struct log_line l;
	const char *line;
	size_t n;

	(void)state;
	memset(huge, '"', sizeof(huge) - 1);
	log_begin(&l, SAY_NOTICE, "four", "x");
	for (int i = 0; i < 3; i++) {
		log_text(&l, "huge", huge);
		log_number(&l, "n", i);
	}
	log_end(&l);
	line = said();
	n = strlen(line);
	assert_in_range(n, 1900, sizeof(l.text) + 128);
	assert_ends(line, "\\\"\" n=0 n=1 n=2\n");
	assert_non_null(strstr(line, " huge=\"\\\""));
}

static void what_is_below_the_level_is_left_out(void **state)
{
	(void)state;
	log_say(SAY_DEBUG, "five", "x");
	assert_string_equal(said(), "");
	log_open(SAY_DEBUG);
	log_say(SAY_DEBUG, "five", "x");
	assert_ends(said(), "level=debug event=five msg=\"x\"\n");
}

static void a_failure_is_its_sentence(void **state)
{
	struct diag d = { .what = "pid 7", .why = "", .hint = "try later" };

	(void)state;
	log_failure(SAY_ERROR, "six", -EACCES, &d);
	assert_ends(said(), "event=six msg=\"pid 7: Permission denied; try later\" errno=13\n");
}

static void too_many_of_a_kind_are_counted(void **state)
{
	uint64_t before = log_lost();
	const char *line;

	(void)state;
	for (int i = 0; i < 1000; i++)
		log_say(SAY_ERROR, "seven", "%d", i);
	line = said();
	assert_non_null(strstr(line, "msg=\"0\""));
	assert_non_null(strstr(line, "msg=\"9\""));
	assert_null(strstr(line, "msg=\"10\""));
	assert_int_equal(log_lost() - before, 990);
	log_say(SAY_ERROR, "eight", "of another kind");
	assert_ends(said(), "event=eight msg=\"of another kind\"\n");
}

static void nobody_who_reads_holds_up_nobody(void **state)
{
	uint64_t before = log_lost();
	static char kinds[200][16];

	(void)state;
	/* Of many kinds, so that it is the pipe that is full. */
	for (int i = 0; i < 200; i++) {
		snprintf(kinds[i], sizeof(kinds[i]), "kind-%d", i);
		for (int k = 0; k < LOG_BURST; k++) {
			struct log_line l;

			log_begin(&l, SAY_ERROR, kinds[i], "%01000d", i);
			log_text(&l, "more", "and more of it");
			log_end(&l);
		}
	}
	assert_true(log_lost() > before);
	while (*said())
		;
}

static void a_window_that_is_over_tells_what_was_left_out(void **state)
{
	struct log_rate r = { .burst = 2, .window_s = 10 };
	uint64_t left = 77;

	(void)state;
	assert_true(log_rate_allows(&r, "a", 100, &left));
	assert_int_equal(left, 0);
	assert_true(log_rate_allows(&r, "a", 101, &left));
	assert_false(log_rate_allows(&r, "a", 102, &left));
	assert_false(log_rate_allows(&r, "a", 109, &left));
	assert_true(log_rate_allows(&r, "b", 109, &left));
	assert_true(log_rate_allows(&r, "a", 110, &left));
	assert_int_equal(left, 2);
	assert_true(log_rate_allows(&r, "a", 111, &left));
	assert_int_equal(left, 0);
}

static void what_does_not_come_again_is_told_of_all_the_same(void **state)
{
	struct log_rate r = { .burst = 1, .window_s = 10 };
	uint64_t left = 0;

	(void)state;
	assert_true(log_rate_allows(&r, "a", 100, &left));
	assert_false(log_rate_allows(&r, "a", 100, &left));
	assert_null(log_rate_overdue(&r, 105, &left));
	assert_string_equal(log_rate_overdue(&r, 110, &left), "a");
	assert_int_equal(left, 1);
	assert_null(log_rate_overdue(&r, 111, &left));
}

static void kinds_beyond_the_last_place_share_it(void **state)
{
	struct log_rate r = { .burst = 1, .window_s = 10 };
	static char names[LOG_KINDS + 8][8];
	unsigned int allowed = 0;
	uint64_t left;

	(void)state;
	for (int i = 0; i < LOG_KINDS + 8; i++) {
		snprintf(names[i], sizeof(names[i]), "%d", i);
		allowed += log_rate_allows(&r, names[i], 1, &left);
	}
	assert_int_equal(allowed, LOG_KINDS);
}

#define WITH_PIPE(name) cmocka_unit_test_setup_teardown(name, take_stderr, give_stderr_back)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_PIPE(a_line_is_pairs_with_time_and_level),
		WITH_PIPE(the_journal_gets_a_priority_in_place_of_these),
		WITH_PIPE(what_is_a_targets_cannot_make_a_line_of_its_own),
		WITH_PIPE(what_does_not_fit_is_cut_and_still_a_line),
		WITH_PIPE(what_is_below_the_level_is_left_out),
		WITH_PIPE(a_failure_is_its_sentence),
		WITH_PIPE(too_many_of_a_kind_are_counted),
		WITH_PIPE(nobody_who_reads_holds_up_nobody),
		cmocka_unit_test(a_window_that_is_over_tells_what_was_left_out),
		cmocka_unit_test(what_does_not_come_again_is_told_of_all_the_same),
		cmocka_unit_test(kinds_beyond_the_last_place_share_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
