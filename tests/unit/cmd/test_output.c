// SPDX-License-Identifier: Apache-2.0
#include "cmd/output.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../unit.h"

/* An empty directory that is the current one while a test runs. */
static int enter(void **state)
{
	char path[] = "/tmp/loiter-output.XXXXXX";

	if (!mkdtemp(path) || chdir(path) < 0)
		return -1;
	*state = strdup(path);
	return 0;
}

static int leave(void **state)
{
	DIR *here = opendir(".");
	struct dirent *e;

	while (here && (e = readdir(here)))
		unlink(e->d_name);
	closedir(here);
	rmdir(*state);
	free(*state);
	return chdir("/");
}

static size_t count_files(void)
{
	DIR *here = opendir(".");
	struct dirent *e;
	size_t n = 0;

	assert_non_null(here);
	while ((e = readdir(here)))
		n += e->d_name[0] != '.';
	closedir(here);
	return n;
}

static void put(const char *path, const char *text, mode_t mode)
{
	int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, mode);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static void assert_holds(const char *path, const char *text)
{
	char buf[64];
	int fd = open(path, O_RDONLY);
	ssize_t n = read(fd, buf, sizeof(buf) - 1);

	assert_true(n >= 0);
	buf[n] = '\0';
	assert_string_equal(buf, text);
	close(fd);
}

static void a_file_appears_only_when_it_is_complete(void **state)
{
	struct diag d = DIAG_INIT;
	struct output o;

	(void)state;
	assert_int_equal(output_open(&o, "answer", &d), 0);
	fputs("whole\n", o.file);
	fflush(o.file);
	assert_int_equal(access("answer", F_OK), -1);
	assert_int_equal(output_finish(&o, &d), 0);
	assert_holds("answer", "whole\n");
	assert_int_equal(count_files(), 1);
}

static void giving_up_leaves_the_old_file_and_nothing_else(void **state)
{
	struct diag d = DIAG_INIT;
	struct output o;

	(void)state;
	put("answer", "old", 0644);
	assert_int_equal(output_open(&o, "answer", &d), 0);
	fputs("half", o.file);
	fflush(o.file);
	output_done(&o);
	assert_holds("answer", "old");
	assert_int_equal(count_files(), 1);
}

static void a_replaced_file_keeps_its_mode_and_a_link_its_target(void **state)
{
	struct diag d = DIAG_INIT;
	struct output o;
	struct stat st;

	(void)state;
	put("answer", "old", 0640);
	assert_int_equal(symlink("answer", "link"), 0);
	assert_int_equal(output_open(&o, "link", &d), 0);
	fputs("new", o.file);
	assert_int_equal(output_finish(&o, &d), 0);
	assert_holds("answer", "new");
	assert_int_equal(lstat("link", &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_int_equal(stat("answer", &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
}

static void a_new_file_has_the_mode_that_the_umask_leaves(void **state)
{
	struct diag d = DIAG_INIT;
	mode_t old = umask(027);
	struct output o;
	struct stat st;

	(void)state;
	assert_int_equal(output_open(&o, "answer", &d), 0);
	assert_int_equal(output_finish(&o, &d), 0);
	umask(old);
	assert_int_equal(stat("answer", &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
}

static void a_device_is_written_to_and_not_replaced(void **state)
{
	struct diag d = DIAG_INIT;
	struct output o;
	struct stat st;

	(void)state;
	assert_int_equal(output_open(&o, "/dev/null", &d), 0);
	assert_null(o.temp);
	fputs("away", o.file);
	assert_int_equal(output_finish(&o, &d), 0);
	assert_int_equal(stat("/dev/null", &st), 0);
	assert_true(S_ISCHR(st.st_mode));
}

static void a_full_disk_is_told_even_when_the_write_was_long_ago(void **state)
{
	struct diag d = DIAG_INIT;
	struct output o;

	(void)state;
	assert_int_equal(output_open(&o, "/dev/full", &d), 0);
	for (int i = 0; i < 100000; i++)
		fputs("some of it\n", o.file);
	errno = 0;
	assert_int_equal(output_finish(&o, &d), -ENOSPC);
	assert_non_null(strstr(d.why, "No space left"));
}

static void a_path_that_cannot_be_is_a_usage_error(void **state)
{
	struct diag d = DIAG_INIT;
	struct output o;

	(void)state;
	assert_int_equal(output_open(&o, "none/answer", &d), -EINVAL);
	assert_string_equal(d.what, "none/answer");
	assert_int_equal(output_open(&o, ".", &d), -EINVAL);
	assert_int_equal(output_open(&o, "", &d), -EINVAL);
	assert_int_equal(count_files(), 0);
}

#define IN_DIRECTORY(test) cmocka_unit_test_setup_teardown(test, enter, leave)

int main(void)
{
	/* Each in a directory of its own. */
	const struct CMUnitTest tests[] = {
		IN_DIRECTORY(a_file_appears_only_when_it_is_complete),
		IN_DIRECTORY(giving_up_leaves_the_old_file_and_nothing_else),
		IN_DIRECTORY(a_replaced_file_keeps_its_mode_and_a_link_its_target),
		IN_DIRECTORY(a_new_file_has_the_mode_that_the_umask_leaves),
		cmocka_unit_test(a_device_is_written_to_and_not_replaced),
		cmocka_unit_test(a_full_disk_is_told_even_when_the_write_was_long_ago),
		IN_DIRECTORY(a_path_that_cannot_be_is_a_usage_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
