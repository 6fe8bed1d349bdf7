// SPDX-License-Identifier: Apache-2.0
#include "trace/host_pid.h"

#include <errno.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/cleanup.h"
#include "host_pid.skel.h"
#include "trace/bpf_load.h"

DEFINE_CLEANUP(struct host_pid_bpf, host_pid_bpf__destroy)

/* PROC_PID_INIT_INO of include/linux/proc_ns.h: the inode of the first pid namespace. */
enum { FIRST_PID_NAMESPACE = 0xEFFFFFFC };

_Bool host_pid_is_ours(void)
{
	struct stat ns;

	return stat("/proc/self/ns/pid", &ns) == 0 && ns.st_ino == FIRST_PID_NAMESPACE;
}

/* A record a thread, all of them the same number: the first tells. */
static int read_tgid(const struct bpf_link *link, uint32_t *ret)
{
	int fd = bpf_iter_create(bpf_link__fd(link));
	ssize_t n;

	if (fd < 0)
		return fd;
	n = read(fd, ret, sizeof(*ret));
	close(fd);
	if (n < 0)
		return -errno;
	return n == sizeof(*ret) && *ret ? 0 : -ESRCH;
}

static int ask_kernel(int pidfd, uint32_t *ret)
{
	union bpf_iter_link_info info = { .task.pid_fd = (uint32_t)pidfd };
	LIBBPF_OPTS(bpf_iter_attach_opts, o, .link_info = &info, .link_info_len = sizeof(info));
	CLEANUP(host_pid_bpf__destroy_p) struct host_pid_bpf *skel = NULL;
	struct bpf_link *link;
	int r;

	trace_bpf_quiet();
	skel = host_pid_bpf__open_and_load();
	if (!skel)
		return -errno;
	link = bpf_program__attach_iter(skel->progs.host_pid, &o);
	if (!link)
		return -errno;
	r = read_tgid(link, ret);
	bpf_link__destroy(link);
	return r;
}

int host_pid_find(pid_t pid, int pidfd, uint32_t *ret, struct diag *d)
{
	uint32_t tgid;
	int r;

	if (host_pid_is_ours()) {
		*ret = (uint32_t)pid;
		return 0;
	}
	r = ask_kernel(pidfd, &tgid);
	if (r == 0) {
		*ret = tgid;
		return 0;
	}
	if (r == -ESRCH)
		return diag_fail(d, -ESRCH, "the process has exited");
	if (r == -EPERM || r == -EACCES)
		return trace_bpf_fail(d, r, "host_pid");
	diag_fail(d, -EOPNOTSUPP, "loiter runs in a pid namespace of its own, and this kernel does not "
				  "tell which process is meant");
	return diag_hint(d, -EOPNOTSUPP,
			 "run it on the host, or in a container with its pid namespace");
}

int host_pid_own(uint32_t *ret, struct diag *d)
{
	int pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);
	int r;

	if (pidfd < 0)
		return diag_fail(d, -errno, "this process cannot be opened as a pidfd");
	r = host_pid_find(getpid(), pidfd, ret, d);
	close(pidfd);
	return r;
}
