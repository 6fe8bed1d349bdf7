// SPDX-License-Identifier: Apache-2.0
/* Cores that gdb and the kernel wrote; those of test_core.c are built in memory. */
#include "target/core.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../unit.h"
#include "child.h"

#define WHERE 0x500000000000ull
#define ABSENT (WHERE + 0x100000)

static void write_known_memory(void *arg)
{
	uint64_t *p = mmap((void *)WHERE, 0x10000, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	(void)arg;
	if (p != (void *)WHERE)
		_exit(1);
	for (size_t i = 0; i < 0x10000 / 8; i++)
		p[i] = WHERE + i * 8;
}

/* What the core of a child after write_known_memory() must say; takes the file off the disk. */
static void assert_core_of(const char *dir, pid_t pid)
{
	CLEANUP(core_close_p) struct core *c = NULL;
	const struct mapping *text, *known;
	struct core_facts f;
	struct diag d = DIAG_INIT;
	char path[64];
	uint64_t v;
	int r;

	snprintf(path, sizeof(path), "%s/core", dir);
	r = core_open(path, &c, &d);
	unlink(path);
	rmdir(dir);
	if (r < 0)
		fail_msg("%s: %s", d.what, d.why);
	core_facts(c, &f);
	assert_int_equal(f.pid, pid);
	assert_non_null(strstr(f.exe, "test_target_real_core"));
	assert_int_equal(f.threads, 1);
	assert_int_equal(f.tids[0], pid);
	assert_int_equal(mem_read_u64(core_mem(c), WHERE + 0xfff8, &v), 0);
	assert_int_equal(v, WHERE + 0xfff8);
	assert_int_equal(mem_read_u64(core_mem(c), ABSENT, &v), -EFAULT);
	known = maps_find(core_maps(c), WHERE);
	assert_true(known && known->writable && !known->path[0]);
	text = maps_find(core_maps(c), (uint64_t)(uintptr_t)write_known_memory);
	assert_non_null(text);
	assert_non_null(strstr(text->path, "test_target_real_core"));
	close(core_open_file(c, text, &d));
	assert_int_equal(core_open_file(c, known, &d), -ENOENT);
}

/* A sanitizer's shadow makes gdb write terabytes. */
#if defined(__SANITIZE_ADDRESS__)
enum { CORES_ARE_SMALL = 0 };
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
enum { CORES_ARE_SMALL = 0 };
#else
enum { CORES_ARE_SMALL = 1 };
#endif
#else
enum { CORES_ARE_SMALL = 1 };
#endif

static void gcore_of_a_child_reads_like_the_child(void **state)
{
	char dir[] = "/tmp/loiter-core-XXXXXX", command[256];
	bool attached;
	pid_t pid;

	(void)state;
	if (!CORES_ARE_SMALL || system("command -v gdb >/dev/null") != 0)
		skip();
	assert_non_null(mkdtemp(dir));
	pid = child_start(write_known_memory, NULL);
	/* 256 MiB at most, whatever goes wrong. */
	snprintf(command, sizeof(command),
		 "ulimit -f 524288; gdb -nx -p %d --batch -ex 'generate-core-file %s/core' "
		 ">/dev/null 2>&1 </dev/null",
		 pid, dir);
	attached = system(command) == 0;
	child_stop(pid);
	if (!attached) {
		rmdir(dir);
		print_message("gdb cannot attach here\n");
		skip();
	}
	assert_core_of(dir, pid);
}

/* Never returns: dumps a core into dir. */
static void crash_in(const char *dir)
{
	struct rlimit enough = { 256 << 20, 256 << 20 };

	write_known_memory(NULL);
	if (chdir(dir) == 0 && setrlimit(RLIMIT_CORE, &enough) == 0) {
		signal(SIGABRT, SIG_DFL);
		abort();
	}
	_exit(1);
}

/* "core" in the working directory: else another program, or another name, receives cores. */
static bool cores_are_files_here(void)
{
	FILE *pattern = fopen("/proc/sys/kernel/core_pattern", "r");
	FILE *uses_pid = fopen("/proc/sys/kernel/core_uses_pid", "r");
	char name[64] = "", digit[8] = "";
	bool ok = pattern && uses_pid && fgets(name, sizeof(name), pattern) &&
		  fgets(digit, sizeof(digit), uses_pid);

	if (pattern)
		fclose(pattern);
	if (uses_pid)
		fclose(uses_pid);
	return ok && strcmp(name, "core\n") == 0 && digit[0] == '0';
}

static void the_kernels_core_of_a_child_reads_like_the_child(void **state)
{
	char dir[] = "/tmp/loiter-core-XXXXXX";
	int status;
	pid_t pid;

	(void)state;
	if (!CORES_ARE_SMALL || !cores_are_files_here())
		skip();
	assert_non_null(mkdtemp(dir));
	pid = fork();
	if (pid == 0)
		crash_in(dir);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (!WIFSIGNALED(status) || !WCOREDUMP(status)) {
		rmdir(dir);
		print_message("cores are not allowed here\n");
		skip();
	}
	assert_core_of(dir, pid);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gcore_of_a_child_reads_like_the_child),
		cmocka_unit_test(the_kernels_core_of_a_child_reads_like_the_child),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
