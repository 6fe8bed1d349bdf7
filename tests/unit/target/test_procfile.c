// SPDX-License-Identifier: Apache-2.0
#include "target/procfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../unit.h"

#define TAIL " 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 -16 17 18 19 20 21 22 23 24 25 26\n"

static void a_comm_with_brackets_does_not_mislead(void **state)
{
	struct procstat st;

	(void)state;
	assert_int_equal(procstat_parse("42 (a) Z 1 (b) S" TAIL, &st), 0);
	assert_string_equal(st.comm, "a) Z 1 (b");
	assert_int_equal(st.state, 'S');
	assert_int_equal(st.flags, 6);
	assert_int_equal(st.threads, 17);
	assert_int_equal(st.start_ticks, 19);
	assert_int_equal(st.start_stack, 25);
}

static void a_short_or_strange_stat_is_malformed(void **state)
{
	static const char *const bad[] = { "", "42", "42 (a", "42 (a)", "42 (a) ", "42 (a) S",
					   "42 (a) S 1 2 3\n", "42 )a( S" TAIL, "42 (a) S x" TAIL };
	struct procstat st;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(procstat_parse(bad[i], &st), -EBADMSG);
}

static void a_long_comm_is_cut(void **state)
{
	char text[400] = "1 (";
	struct procstat st;

	(void)state;
	memset(text + 3, 'x', 200);
	strcpy(text + 203, ") S" TAIL);
	assert_int_equal(procstat_parse(text, &st), 0);
	assert_int_equal(strlen(st.comm), sizeof(st.comm) - 1);
}

static void files_are_read_whole_or_refused(void **state)
{
	CLEANUP(procfile_free_p) char *text = NULL;
	char *none = NULL;
	size_t len;
	int fd = open("/proc/self", O_PATH | O_DIRECTORY);

	(void)state;
	assert_int_equal(procfile_read(fd, "smaps", 1 << 20, &text, &len), 0);
	assert_true(len > 4096 && strlen(text) == len);
	assert_int_equal(procfile_read(fd, "smaps", 100, &none, &len), -E2BIG);
	assert_int_equal(procfile_read(fd, "no such file", 100, &none, &len), -ENOENT);
	assert_null(none);
	close(fd);
}

static void numbers_come_in_order(void **state)
{
	pid_t *fds = NULL;
	size_t n = 0;
	int fd = open("/proc/self", O_PATH | O_DIRECTORY);

	(void)state;
	assert_int_equal(procfile_numbers(fd, "fd", &fds, &n), 0);
	assert_true(n >= 3);
	for (size_t i = 1; i < n; i++)
		assert_true(fds[i - 1] < fds[i]);
	free(fds);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_comm_with_brackets_does_not_mislead),
		cmocka_unit_test(a_short_or_strange_stat_is_malformed),
		cmocka_unit_test(a_long_comm_is_cut),
		cmocka_unit_test(files_are_read_whole_or_refused),
		cmocka_unit_test(numbers_come_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
