// SPDX-License-Identifier: Apache-2.0
#include "target/maps.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "../unit.h"
#include "child.h"
#include "target/process.h"

static struct maps *parse(const char *text)
{
	struct maps *m = NULL;

	assert_int_equal(maps_parse(text, strlen(text), &m, NULL), 0);
	return m;
}

static void every_field_of_a_line_is_read(void **state)
{
	CLEANUP(maps_free_p) struct maps *m = parse(
		"00400000-00452000 r-xp 00001000 fd:01 173521      /usr/bin/a b (deleted)\n"
		"00e03000-00e24000 rw-p 00000000 00:00 0           [heap]\n"
		"7f0000000000-7f0000001000 ---s 00000000 00:00 0 \n"
		"ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0      [vsyscall]\n");

	(void)state;
	assert_int_equal(m->n, 4);
	assert_int_equal(m->all[0].start, 0x400000);
	assert_int_equal(m->all[0].end, 0x452000);
	assert_int_equal(m->all[0].offset, 0x1000);
	assert_int_equal(m->all[0].dev, makedev(0xfd, 1));
	assert_int_equal(m->all[0].ino, 173521);
	assert_true(m->all[0].readable && !m->all[0].writable && m->all[0].executable);
	assert_string_equal(m->all[0].path, "/usr/bin/a b");
	assert_true(m->all[0].deleted);
	assert_string_equal(m->all[1].path, "[heap]");
	assert_true(m->all[2].shared && !m->all[2].readable);
	assert_string_equal(m->all[2].path, "");
	assert_int_equal(m->all[3].start, 0xffffffffff600000);
}

static void addresses_find_their_mapping(void **state)
{
	CLEANUP(maps_free_p) struct maps *m = parse("1000-2000 r--p 0 0:0 0 \n"
						    "2000-3000 rw-p 0 0:0 0 \n"
						    "5000-6000 rw-p 0 0:0 0 \n");

	(void)state;
	assert_null(maps_find(m, 0xfff));
	assert_ptr_equal(maps_find(m, 0x1000), &m->all[0]);
	assert_ptr_equal(maps_find(m, 0x1fff), &m->all[0]);
	assert_ptr_equal(maps_find(m, 0x2000), &m->all[1]);
	assert_null(maps_find(m, 0x3000));
	assert_null(maps_find(m, 0x4fff));
	assert_ptr_equal(maps_find(m, 0x5fff), &m->all[2]);
	assert_null(maps_find(m, UINT64_MAX));
}

static void a_mapping_seen_twice_is_cut(void **state)
{
	/* What two reads show when the first mapping grows upwards in between. */
	CLEANUP(maps_free_p) struct maps *m = parse("1000-3000 r--p 00004000 8:1 7 /x\n"
						    "1000-5000 r--p 00004000 8:1 7 /x\n"
						    "2000-4000 r--p 00005000 8:1 7 /x\n"
						    "5000-6000 rw-p 0 0:0 0 \n");

	(void)state;
	assert_int_equal(m->n, 3);
	assert_int_equal(m->all[1].start, 0x3000);
	assert_int_equal(m->all[1].end, 0x5000);
	assert_int_equal(m->all[1].offset, 0x6000);
	assert_int_equal(m->all[2].start, 0x5000);
}

static void what_no_kernel_prints_is_malformed(void **state)
{
	static const char *const bad[] = {
		"\n", "x", "1000-", "1000-2000", "1000-2000 r--p", "1000-2000 r--p 0 0:0",
		"1000-2000 rxxp 0 0:0 0 \n", "2000-1000 r--p 0 0:0 0 \n",
		"1000-1000 r--p 0 0:0 0 \n", "10000000000000000-2 r--p 0 0:0 0 \n",
		"1000-2000 r--p 0 100000000:0 0 \n", "1000-2000 r--p 0 0:0 0x \n",
		"1000-2000 r--p 0 0:0  \n", "-1000-2000 r--p 0 0:0 0 \n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct maps *m = NULL;
		struct diag d = DIAG_INIT;

		if (maps_parse(bad[i], strlen(bad[i]), &m, &d) != -EBADMSG || !d.why[0])
			fail_msg("accepted: %s", bad[i]);
	}
	struct maps *m = NULL;
	assert_int_equal(maps_parse("a\0b", 3, &m, NULL), -EBADMSG);
}

static void our_own_mappings_hold_our_variables(void **state)
{
	CLEANUP(process_close_p) struct process *p = NULL;
	CLEANUP(maps_free_p) struct maps *m = NULL;
	const struct mapping *text, *stack;

	(void)state;
	assert_int_equal(process_open(getpid(), &p, NULL), 0);
	assert_int_equal(maps_read(p, &m, NULL), 0);
	text = maps_find(m, (uint64_t)(uintptr_t)our_own_mappings_hold_our_variables);
	stack = maps_find(m, (uint64_t)(uintptr_t)&m);
	assert_true(text && text->executable && !text->writable && text->ino);
	assert_true(stack && stack->writable && strcmp(stack->path, "[stack]") == 0);
}

static void of_an_exited_process_there_are_none(void **state)
{
	CLEANUP(process_close_p) struct process *p = NULL;
	struct maps *m = NULL;
	struct diag d = DIAG_INIT;
	pid_t pid = child_start(NULL, NULL);

	(void)state;
	assert_int_equal(process_open(pid, &p, NULL), 0);
	child_stop(pid);
	assert_int_equal(maps_read(p, &m, &d), -ESRCH);
	assert_null(m);
}

#define WHERE ((void *)0x500000000000)

static void map_file(void *arg)
{
	int fd = open(arg, O_RDONLY);

	if (mmap(WHERE, 4096, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd, 0) != WHERE)
		_exit(1);
	close(fd);
}

static void make_file(char *path, const char *text)
{
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, 4), 4);
	close(fd);
}

static int open_mapped(pid_t pid, struct diag *d)
{
	CLEANUP(process_close_p) struct process *p = NULL;
	CLEANUP(maps_free_p) struct maps *m = NULL;

	if (process_open(pid, &p, d) < 0 || maps_read(p, &m, d) < 0)
		return -EINVAL;
	return maps_open_file(p, maps_find(m, (uint64_t)(uintptr_t)WHERE), d);
}

static void a_replaced_file_opens_as_the_one_that_is_mapped(void **state)
{
	char path[] = "/tmp/loiter-maps-XXXXXX", other[] = "/tmp/loiter-maps-XXXXXX", got[4];
	struct diag d = DIAG_INIT;
	pid_t pid;
	int fd;

	(void)state;
	if (geteuid() != 0)
		skip();		/* map_files wants CAP_CHECKPOINT_RESTORE */
	make_file(path, "old!");
	make_file(other, "new!");
	pid = child_start(map_file, path);
	assert_int_equal(rename(other, path), 0);
	fd = open_mapped(pid, &d);
	if (fd < 0)
		fail_msg("%s: %s", d.what, d.why);
	assert_int_equal(read(fd, got, 4), 4);
	assert_memory_equal(got, "old!", 4);
	close(fd);
	unlink(path);
	child_stop(pid);
}

static char unprivileged_path[] = "/tmp/loiter-maps-XXXXXX";

/* 0 when a replaced file is refused and an untouched one opens; the child maps after setuid. */
static int look_without_privilege(void *arg)
{
	char other[] = "/tmp/loiter-maps-XXXXXX";
	struct diag d = DIAG_INIT;
	int fd, r;
	pid_t pid;

	(void)arg;
	if (geteuid() == 0 && (setgid(65534) < 0 || setuid(65534) < 0))
		return 2;
	/* After setuid a process is not dumpable, and so closed to others of its user. */
	prctl(PR_SET_DUMPABLE, 1);
	make_file(unprivileged_path, "old!");
	make_file(other, "new!");
	pid = child_start(map_file, unprivileged_path);
	fd = open_mapped(pid, &d);
	if (fd < 0 && fd != -EINVAL) {
		fprintf(stderr, "%s: %s\n", d.what, d.why);
		return 3;
	}
	close(fd);
	rename(other, unprivileged_path);
	r = open_mapped(pid, &d);
	unlink(unprivileged_path);
	child_stop(pid);
	if (fd == -EINVAL)
		return 77;
	/* The name went to another inode: the kernel calls the mapped one deleted. */
	return r == -ENOENT && strstr(d.why, "replaced") && strstr(d.hint, "root") ? 0 : 1;
}

static void without_privilege_the_path_serves_while_the_inode_matches(void **state)
{
	int r = child_judge(look_without_privilege, NULL);

	(void)state;
	if (r == 77)
		skip();
	assert_int_equal(r, 0);
}

static void map_zero(void *arg)
{
	(void)arg;
	map_file((char[]){ "/dev/zero" });
}

static void devices_and_anonymous_memory_have_no_file(void **state)
{
	struct diag d = DIAG_INIT;
	struct mapping anonymous = { .start = 0x1000, .end = 0x2000, .path = "" };
	CLEANUP(process_close_p) struct process *p = NULL;
	pid_t pid = child_start(map_zero, NULL);

	(void)state;
	assert_int_equal(open_mapped(pid, &d), -EINVAL);
	assert_int_equal(process_open(pid, &p, NULL), 0);
	assert_int_equal(maps_open_file(p, &anonymous, &d), -ENOENT);
	child_stop(pid);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_field_of_a_line_is_read),
		cmocka_unit_test(addresses_find_their_mapping),
		cmocka_unit_test(a_mapping_seen_twice_is_cut),
		cmocka_unit_test(what_no_kernel_prints_is_malformed),
		cmocka_unit_test(our_own_mappings_hold_our_variables),
		cmocka_unit_test(of_an_exited_process_there_are_none),
		cmocka_unit_test(a_replaced_file_opens_as_the_one_that_is_mapped),
		cmocka_unit_test(without_privilege_the_path_serves_while_the_inode_matches),
		cmocka_unit_test(devices_and_anonymous_memory_have_no_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
