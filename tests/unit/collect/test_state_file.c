// SPDX-License-Identifier: Apache-2.0
/* What was written is read again; whatever is not whole is refused, and harms nobody. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../unit.h"

#include "collect/state_file.h"
#include "model/limits.h"

static char dir[] = "/tmp/loiter-test-state-XXXXXX";

static const struct node_point points[] = { { 100, 5 << 20, 12 }, { 115, 6 << 20, 14 } };
static const struct state_value values[] = { { 90, 1 << 20 }, { 105, 1ull << 40 } };
static const struct state_site sites[] = { { 0xfeedull << 40, 1200 } };

static struct state sample(struct state_process *all)
{
	all[0] = (struct state_process){ .pid = 7, .start_time = 11, .start_stack = 1ull << 46,
					 .tally = { 3, 2, 1 }, .gap_s = 15,
					 .history = { points, 2 }, .rss = { values, 2 },
					 .threads = { values, 1 }, .sites = sites, .n_sites = 1 };
	all[1] = (struct state_process){ .pid = 9, .start_time = 12 };
	return (struct state){ .boot_id = "01234567-89ab-cdef-0123-456789abcdef", .saved_s = 120,
			       .all = all, .n = 2 };
}

static void encode(void **bytes, size_t *len)
{
	struct state_process all[2];
	struct state s = sample(all);

	assert_int_equal(state_encode(&s, bytes, len), 0);
}

static void check(const struct state *s)
{
	const struct state_process *p = &s->all[0];

	assert_string_equal(s->boot_id, "01234567-89ab-cdef-0123-456789abcdef");
	assert_true(s->saved_s == 120);
	assert_int_equal(s->n, 2);
	assert_int_equal(p->pid, 7);
	assert_int_equal(p->start_time, 11);
	assert_true(p->start_stack == 1ull << 46);
	assert_int_equal(p->tally.looks, 3);
	assert_int_equal(p->tally.failed, 2);
	assert_int_equal(p->tally.missed, 1);
	assert_int_equal(p->history.n, 2);
	assert_true(p->history.points[1].elapsed_s == 115);
	assert_int_equal(p->history.points[1].rss_bytes, 6 << 20);
	assert_int_equal(p->history.points[1].goroutines, 14);
	assert_int_equal(p->rss.n, 2);
	assert_true(p->rss.all[1].value == 1ull << 40);
	assert_int_equal(p->threads.n, 1);
	assert_int_equal(p->n_sites, 1);
	assert_int_equal(p->sites[0].count, 1200);
	assert_int_equal(s->all[1].pid, 9);
	assert_int_equal(s->all[1].history.n, 0);
}

static int decode(const void *bytes, size_t len)
{
	struct arena *a = arena_new();
	struct diag d = DIAG_INIT;
	struct state s;
	int r = state_decode(bytes, len, a, &s, &d);

	if (r == 0)
		check(&s);
	else
		assert_true(d.why[0] != '\0');
	arena_free(a);
	return r;
}

static void what_was_written_is_read_again(void **state)
{
	struct arena *a = arena_new();
	struct diag d = DIAG_INIT;
	struct state s;
	void *bytes;
	size_t len;

	(void)state;
	encode(&bytes, &len);
	assert_int_equal(state_write(dir, bytes, len, &d), 0);
	assert_int_equal(state_read(dir, a, &s, &d), 0);
	check(&s);
	/* Over an old one, too. */
	assert_int_equal(state_write(dir, bytes, len, &d), 0);
	assert_int_equal(state_read(dir, a, &s, &d), 0);
	arena_free(a);
	free(bytes);
}

static void every_cut_and_every_changed_byte_is_refused(void **state)
{
	unsigned char *bytes;
	size_t len;

	(void)state;
	encode((void **)&bytes, &len);
	assert_int_equal(decode(bytes, len), 0);
	for (size_t n = 0; n < len; n++)
		assert_int_equal(decode(bytes, n), -EBADMSG);
	for (size_t i = 0; i < len; i++) {
		int r;

		bytes[i] ^= 0x10;
		r = decode(bytes, len);
		assert_true(r == -EBADMSG || (r == -EOPNOTSUPP && i >= 8 && i < 12));
		bytes[i] ^= 0x10;
	}
	free(bytes);
}

static void the_form_of_another_release_is_said_to_be_that(void **state)
{
	unsigned char *bytes;
	size_t len;

	(void)state;
	encode((void **)&bytes, &len);
	bytes[8]++;
	assert_int_equal(decode(bytes, len), -EOPNOTSUPP);
	free(bytes);
}

static void what_is_no_state_file_is_no_crash(void **state)
{
	struct arena *a = arena_new();
	struct diag d = DIAG_INIT;
	struct state s;
	char path[sizeof(dir) + 16];
	int fd;

	(void)state;
	snprintf(path, sizeof(path), "%s/node.state", dir);
	unlink(path);
	assert_int_equal(state_read(dir, a, &s, &d), -ENOENT);
	assert_int_equal(state_read("/nowhere/at/all", a, &s, &d), -ENOENT);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(state_read(dir, a, &s, &d), -EBADMSG);
	unlink(path);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	assert_int_equal(state_read(dir, a, &s, &d), -ELOOP);
	unlink(path);
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	assert_int_equal(ftruncate(fd, 1ll << 40), 0);
	close(fd);
	assert_int_equal(state_read(dir, a, &s, &d), -EFBIG);
	unlink(path);
	arena_free(a);
}

static unsigned int files(void)
{
	DIR *all = opendir(dir);
	unsigned int n = 0;

	while (readdir(all))
		n++;
	closedir(all);
	return n - 2;
}

/* A disk that is full is a limit of file size to us. */
static void a_full_disk_leaves_the_old_one(void **state)
{
	struct rlimit limit, old;
	struct arena *a = arena_new();
	struct diag d = DIAG_INIT;
	struct state s;
	void *bytes;
	size_t len;

	(void)state;
	encode(&bytes, &len);
	assert_int_equal(state_write(dir, bytes, len, &d), 0);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	limit = (struct rlimit){ len / 2, old.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_int_equal(state_write(dir, bytes, len, &d), -EFBIG);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_non_null(strstr(d.why, "cannot be written"));
	assert_int_equal(files(), 1);
	assert_int_equal(state_read(dir, a, &s, &d), 0);
	check(&s);
	arena_free(a);
	free(bytes);
}

static void what_is_too_much_is_not_written(void **state)
{
	enum { MANY = 300000 };
	struct state_process *all = calloc(MANY, sizeof(*all));
	struct state s = { .all = all, .n = MANY };
	void *bytes;
	size_t len;

	(void)state;
	for (int i = 0; i < MANY; i++)
		all[i].pid = i + 1;
	assert_int_equal(state_encode(&s, &bytes, &len), -EFBIG);
	free(all);
}

static int begin(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int end(void **state)
{
	char path[sizeof(dir) + 16];

	(void)state;
	snprintf(path, sizeof(path), "%s/node.state", dir);
	unlink(path);
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_written_is_read_again),
		cmocka_unit_test(every_cut_and_every_changed_byte_is_refused),
		cmocka_unit_test(the_form_of_another_release_is_said_to_be_that),
		cmocka_unit_test(what_is_no_state_file_is_no_crash),
		cmocka_unit_test(a_full_disk_leaves_the_old_one),
		cmocka_unit_test(what_is_too_much_is_not_written),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
