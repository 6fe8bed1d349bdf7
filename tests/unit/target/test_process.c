// SPDX-License-Identifier: Apache-2.0
#include "target/process.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../unit.h"
#include "child.h"
#include "target/cgroup.h"
#include "target/procfile.h"

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void assert_refused(pid_t pid, int err, const char *why)
{
	CLEANUP(process_close_p) struct process *p = NULL;
	struct diag d = DIAG_INIT;

	assert_int_equal(process_open(pid, &p, &d), err);
	assert_null(p);
	if (!strstr(d.why, why))
		fail_msg("\"%s\" does not say \"%s\"", d.why, why);
	assert_non_null(strstr(d.what, "pid "));
}

static void a_child_opens_and_is_still_the_same(void **state)
{
	CLEANUP(process_close_p) struct process *p = NULL;
	struct diag d = DIAG_INIT;
	pid_t pid = child_start(NULL, NULL);

	(void)state;
	assert_int_equal(process_open(pid, &p, &d), 0);
	assert_int_equal(p->pid, pid);
	assert_true(p->start_ticks > 0 && p->exe_ino > 0 && p->start_stack > 0);
	assert_string_equal(p->comm, "test_target_pro");
	assert_int_equal(process_check(p, &d), 0);
	child_stop(pid);
	assert_int_equal(process_check(p, &d), -ESRCH);
	assert_string_equal(d.why, "the process has exited");
}

static void a_zombie_is_gone_and_is_called_so(void **state)
{
	pid_t pid = child_zombie();

	(void)state;
	assert_refused(pid, -ESRCH, "a zombie");
	child_stop(pid);
}

static void one_that_became_a_zombie_is_gone(void **state)
{
	CLEANUP(process_close_p) struct process *p = NULL;
	struct diag d = DIAG_INIT;
	pid_t pid = child_start(NULL, NULL);
	siginfo_t info;

	(void)state;
	assert_int_equal(process_open(pid, &p, &d), 0);
	kill(pid, SIGKILL);
	waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
	assert_int_equal(process_check(p, &d), -ESRCH);
	child_stop(pid);
}

static void numbers_that_name_nobody_are_no_such_process(void **state)
{
	pid_t pid = child_zombie();

	(void)state;
	child_stop(pid);
	assert_refused(pid, -ESRCH, "no such process");
	assert_refused(0, -ESRCH, "no such process");
	assert_refused(-1, -ESRCH, "no such process");
	assert_refused(0x7fffffff, -ESRCH, "no such process");
}

static void a_kernel_thread_is_not_supported(void **state)
{
	struct procstat st;
	int fd = open("/proc/2", O_PATH | O_DIRECTORY);
	int r = fd < 0 ? -1 : procstat_read(fd, &st);

	(void)state;
	close(fd);
	/* In a pid namespace of its own, pid 2 is anything. */
	if (r < 0 || !(st.flags & PROCSTAT_KTHREAD))
		skip();
	assert_refused(2, -EOPNOTSUPP, "kernel thread");
}

static int reported[2];

static void *report_tid(void *arg)
{
	pid_t tid = (pid_t)syscall(SYS_gettid);

	(void)arg;
	if (write(reported[1], &tid, sizeof(tid)) == sizeof(tid))
		for (;;)
			pause();
	return NULL;
}

static void start_thread(void *arg)
{
	pthread_t t;

	(void)arg;
	pthread_create(&t, NULL, report_tid, NULL);
}

static void a_threads_id_is_told_apart_and_names_its_process(void **state)
{
	char hint[32];
	struct process *p = NULL;
	struct diag d = DIAG_INIT;
	pid_t pid, tid;

	(void)state;
	assert_int_equal(pipe(reported), 0);
	pid = child_start(start_thread, NULL);
	assert_int_equal(read(reported[0], &tid, sizeof(tid)), sizeof(tid));
	snprintf(hint, sizeof(hint), "use %d", pid);
	assert_int_equal(process_open(tid, &p, &d), -ESRCH);
	assert_non_null(strstr(d.why, "a thread of process"));
	assert_string_equal(d.hint, hint);
	child_stop(pid);
	close(reported[0]);
	close(reported[1]);
}

static int become_nobody_and_look(void *arg)
{
	struct process *p = NULL;
	struct diag d = DIAG_INIT;

	if (setgid(65534) < 0 || setuid(65534) < 0)
		return 2;
	return process_open(*(pid_t *)arg, &p, &d) == -EPERM && strstr(d.why, "another user") &&
			       strstr(d.hint, "CAP_SYS_PTRACE")
		       ? 0
		       : 1;
}

static void another_users_process_is_a_matter_of_permission(void **state)
{
	pid_t self = getpid();

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(child_judge(become_nobody_and_look, &self), 0);
}

static int exec_pipe[2];

static void an_exec_is_noticed_even_of_the_same_file(void **state)
{
	CLEANUP(process_close_p) struct process *p = NULL;
	struct diag d = DIAG_INIT;
	char byte;
	pid_t pid;

	(void)state;
	/* cat waits for input, then the shell becomes another cat: the pipe's end tells us. */
	assert_int_equal(pipe(exec_pipe), 0);
	int out[2];
	assert_int_equal(pipe(out), 0);
	pid = fork();
	if (pid == 0) {
		dup2(exec_pipe[0], 0);
		dup2(out[1], 1);
		execl("/bin/sh", "sh", "-c", "echo 1; read x; exec sh -c 'echo 2; read y'", NULL);
		_exit(1);
	}
	assert_int_equal(read(out[0], &byte, 1), 1);
	assert_int_equal(read(out[0], &byte, 1), 1);
	assert_int_equal(process_open(pid, &p, &d), 0);
	assert_int_equal(process_check(p, &d), 0);
	assert_int_equal(write(exec_pipe[1], "\n", 1), 1);
	assert_int_equal(read(out[0], &byte, 1), 1);
	assert_int_equal(process_check(p, &d), -ESTALE);
	assert_non_null(strstr(d.why, "exec"));
	child_stop(pid);
	close(exec_pipe[0]);
	close(exec_pipe[1]);
	close(out[0]);
	close(out[1]);
}

static void facts_of_a_child_are_plausible(void **state)
{
	CLEANUP(process_close_p) struct process *p = NULL;
	CLEANUP(arena_free_p) struct arena *a = arena_new();
	struct process_facts f;
	pid_t pid = child_start(NULL, NULL);

	(void)state;
	assert_int_equal(process_open(pid, &p, NULL), 0);
	assert_int_equal(process_facts_read(p, a, &f), 0);
	assert_non_null(strstr(f.exe, "/test_target_process"));
	assert_false(f.exe_deleted);
	assert_true(f.rss_bytes > 0 && f.rss_bytes < 1ull << 30);
	assert_int_equal(f.threads, 1);
	assert_true(f.uptime_s >= 0 && f.uptime_s < 3600);
	assert_int_equal(f.monotonic_offset_ns, 0);
	child_stop(pid);
}

static void copy_file(const char *from, const char *to)
{
	int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_EXCL, 0700);
	struct stat st;
	char buf[4096];
	ssize_t n;

	assert_true(in >= 0 && out >= 0 && fstat(in, &st) == 0);
	while ((n = read(in, buf, sizeof(buf))) > 0)
		assert_int_equal(write(out, buf, (size_t)n), n);
	close(in);
	close(out);
}

static void a_deleted_executable_still_opens(void **state)
{
	CLEANUP(process_close_p) struct process *p = NULL;
	CLEANUP(arena_free_p) struct arena *a = arena_new();
	char path[] = "/tmp/loiter-exe-XXXXXX", exe[64], magic[4] = "", byte;
	struct process_facts f;
	int in[2], out[2], fd;
	pid_t pid;

	(void)state;
	assert_non_null(mkdtemp(path));
	snprintf(exe, sizeof(exe), "%s/cat", path);
	copy_file("/bin/cat", exe);
	assert_true(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0);
	pid = fork();
	if (pid == 0) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		execl(exe, "cat", NULL);
		_exit(1);
	}
	assert_int_equal(write(in[1], "x", 1), 1);
	assert_int_equal(read(out[0], &byte, 1), 1);
	assert_int_equal(unlink(exe), 0);
	assert_int_equal(rmdir(path), 0);

	assert_int_equal(process_open(pid, &p, NULL), 0);
	assert_int_equal(process_facts_read(p, a, &f), 0);
	assert_true(f.exe_deleted);
	assert_string_equal(f.exe, exe);
	fd = process_open_exe(p, NULL);
	assert_true(fd >= 0);
	assert_int_equal(read(fd, magic, 4), 4);
	assert_memory_equal(magic, "\177ELF", 4);
	close(fd);
	assert_int_equal(process_check(p, NULL), 0);
	child_stop(pid);
	for (int i = 0; i < 2; i++)
		close(in[i]), close(out[i]);
}

static struct process_facts parse_cgroup(struct arena *a, const char *text)
{
	struct process_facts f = { 0 };

	assert_int_equal(cgroup_parse(text, strlen(text), a, &f), 0);
	return f;
}

static void cgroups_name_container_and_unit(void **state)
{
	CLEANUP(arena_free_p) struct arena *a = arena_new();
	struct process_facts f;

	(void)state;
	f = parse_cgroup(a, "0::/system.slice/shop-api.service\n");
	assert_string_equal(f.cgroup, "/system.slice/shop-api.service");
	assert_string_equal(f.unit, "shop-api.service");
	assert_null(f.container_id);

	f = parse_cgroup(a, "0::/kubepods.slice/pod1.slice/cri-containerd-" HEX64 ".scope");
	assert_string_equal(f.container_id, HEX64);
	assert_string_equal(f.unit, "cri-containerd-" HEX64 ".scope");

	/* v1 and v2 together: the unified hierarchy is empty, the others say it. */
	f = parse_cgroup(a, "9:name=systemd:/docker/" HEX64 "\n1:cpu:/docker/" HEX64 "\n0::/\n");
	assert_string_equal(f.cgroup, "/docker/" HEX64);
	assert_string_equal(f.container_id, HEX64);
	assert_null(f.unit);

	f = parse_cgroup(a, "1:cpu:/a\n0::/user.slice/user@1000.service/app.slice/x.service");
	assert_string_equal(f.cgroup, "/user.slice/user@1000.service/app.slice/x.service");
	assert_string_equal(f.unit, "x.service");
}

#define UID "0f3a1c2e-9b7d-4e55-8a10-c0ffee123456"
#define UID_SYSTEMD "0f3a1c2e_9b7d_4e55_8a10_c0ffee123456"
#define UID_STATIC "0123456789abcdef0123456789abcdef"

static void cgroups_of_pods_name_their_uid(void **state)
{
	struct arena *a = arena_new();

	(void)state;
	assert_string_equal(parse_cgroup(a, "0::/kubepods/burstable/pod" UID "/" HEX64 "\n").pod_uid,
			    UID);
	assert_string_equal(parse_cgroup(a, "0::/kubepods.slice/kubepods-besteffort.slice/"
					 "kubepods-besteffort-pod" UID_SYSTEMD
					 ".slice/cri-containerd-" HEX64 ".scope\n").pod_uid, UID);
	assert_string_equal(parse_cgroup(a, "4:cpu:/kubepods/pod" UID "/" HEX64 "\n0::/\n").pod_uid,
			    UID);
	assert_string_equal(parse_cgroup(a, "0::/kubepods/pod" UID_STATIC "/x").pod_uid, UID_STATIC);
	/* A kubelet in a container (kind) has more above. */
	assert_string_equal(parse_cgroup(a, "0::/docker/" HEX64 "/kubelet/kubepods/pod" UID).pod_uid,
			    UID);
	assert_null(parse_cgroup(a, "0::/user.slice/pod" UID "/x").pod_uid);
	assert_null(parse_cgroup(a, "0::/kubepods/pod0f3a1c2e-9b7d/x").pod_uid);
	assert_null(parse_cgroup(a, "0::/kubepods/pod" UID "0").pod_uid);
	assert_null(parse_cgroup(a, "0::/kubepods/tripod" UID).pod_uid);
	assert_null(parse_cgroup(a, "0::/kubepods").pod_uid);
	arena_free(a);
}

static void odd_cgroups_name_nothing(void **state)
{
	CLEANUP(arena_free_p) struct arena *a = arena_new();
	struct process_facts f;

	(void)state;
	f = parse_cgroup(a, "");
	assert_null(f.cgroup);
	f = parse_cgroup(a, "\n:\n::\n0:\nx\n");
	assert_null(f.cgroup);
	f = parse_cgroup(a, "0::/" HEX64 "0\n");
	assert_null(f.container_id);
	f = parse_cgroup(a, "0::/.service/scope/\n");
	assert_null(f.unit);
	f = parse_cgroup(a, "0::/\n");
	assert_string_equal(f.cgroup, "/");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_child_opens_and_is_still_the_same),
		cmocka_unit_test(a_zombie_is_gone_and_is_called_so),
		cmocka_unit_test(one_that_became_a_zombie_is_gone),
		cmocka_unit_test(numbers_that_name_nobody_are_no_such_process),
		cmocka_unit_test(a_kernel_thread_is_not_supported),
		cmocka_unit_test(a_threads_id_is_told_apart_and_names_its_process),
		cmocka_unit_test(another_users_process_is_a_matter_of_permission),
		cmocka_unit_test(an_exec_is_noticed_even_of_the_same_file),
		cmocka_unit_test(facts_of_a_child_are_plausible),
		cmocka_unit_test(a_deleted_executable_still_opens),
		cmocka_unit_test(cgroups_name_container_and_unit),
		cmocka_unit_test(cgroups_of_pods_name_their_uid),
		cmocka_unit_test(odd_cgroups_name_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
