// SPDX-License-Identifier: Apache-2.0
#include "target/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "target/procfile.h"
#include "target/sealed.h"

static int no_such_process(pid_t pid, struct diag *d)
{
	/* With hidepid, /proc denies what kill() admits. */
	if (pid > 0 && kill(pid, 0) < 0 && errno == EPERM) {
		diag_fail(d, -EPERM, "/proc hides it from us: it is another user's process");
		return diag_hint(d, -EPERM, "run as root or with CAP_SYS_PTRACE");
	}
	return diag_fail(d, -ESRCH, "no such process");
}

static int exited(struct diag *d)
{
	return diag_fail(d, -ESRCH, "the process has exited");
}

/* It did not answer. That we are short of something says nothing of it. */
static int lost(int err, struct diag *d)
{
	if (err == -EMFILE || err == -ENFILE || err == -ENOMEM)
		return diag_fail(d, err, "it could not be looked for: %s", strerror(-err));
	return exited(d);
}

static int refused(const struct process *p, struct diag *d)
{
	struct stat st;

	if (geteuid() == 0) {
		diag_fail(d, -EPERM, "reading its memory is refused, although we run as root");
		return diag_hint(d, -EPERM, "run in the first user namespace, with CAP_SYS_PTRACE");
	}
	if (fstatat(p->proc_fd, ".", &st, 0) == 0 && st.st_uid != geteuid())
		diag_fail(d, -EPERM, "it belongs to another user (uid %u), or may not be dumped",
			  st.st_uid);
	else
		diag_fail(d, -EPERM, "reading its memory is refused, although the user is the "
			  "same (kernel.yama.ptrace_scope, or a security module)");
	return diag_hint(d, -EPERM, "run as root or with CAP_SYS_PTRACE");
}

/* A thread's id opens in /proc like a process's: only Tgid tells. */
static int check_leader(const struct process *p, struct diag *d)
{
	CLEANUP(procfile_free_p) char *text = NULL;
	const char *line;
	size_t len;
	pid_t tgid;
	int r = procfile_read(p->proc_fd, "status", 64 * 1024, &text, &len);

	if (r < 0)
		return lost(r, d);
	/* The Name line, before it, has its newlines escaped by the kernel. */
	line = strstr(text, "\nTgid:");
	tgid = line ? (pid_t)strtol(line + 6, NULL, 10) : 0;
	if (tgid != 0 && tgid != p->pid) {
		diag_fail(d, -ESRCH, "a thread of process %d, not a process", tgid);
		return diag_hint(d, -ESRCH, "use %d", tgid);
	}
	return 0;
}

static int check_kind(const struct process *p, const struct procstat *st, struct diag *d)
{
	if (st->flags & PROCSTAT_KTHREAD)
		return diag_fail(d, -EOPNOTSUPP, "a kernel thread: it runs no program");
	if (st->state == 'X')
		return exited(d);
	/* Some program's way to live on, and every killed one's for an instant. */
	if (st->state == 'Z' && st->threads > 1)
		return diag_fail(d, -ESRCH,
				 "its main thread has exited while others run: it cannot be read");
	if (st->state == 'Z')
		return diag_fail(d, -ESRCH,
				 "a zombie: it has exited and waits for its parent to collect it");
	return check_leader(p, d);
}

/* Nothing is mapped at 0 but by will, so a fault there says that we were let in. */
static int check_access(const struct process *p, struct diag *d)
{
	char byte;
	struct iovec local = { &byte, 1 }, remote = { NULL, 1 };

	if (process_vm_readv(p->pid, &local, 1, &remote, 1, 0) >= 0 || errno == EFAULT)
		return 0;
	if (errno == EPERM)
		return refused(p, d);
	if (errno == ESRCH)
		return exited(d);
	return diag_fail(d, -EOPNOTSUPP, "this kernel cannot read another process's memory: %s",
			 strerror(errno));
}

static int note_exe(struct process *p, struct diag *d)
{
	struct stat st;

	if (fstatat(p->proc_fd, "exe", &st, 0) < 0) {
		if (errno == EACCES || errno == EPERM)
			return refused(p, d);
		if (errno == ESRCH)
			return exited(d);
		return diag_fail(d, -EOPNOTSUPP, "it has no executable that can be seen: %s",
				 strerror(errno));
	}
	p->exe_dev = st.st_dev;
	p->exe_ino = st.st_ino;
	return 0;
}

/*
 * The directory is opened first and the pidfd second: when the directory still answers after
 * that, the number was not given to another process in between, and both mean the same one.
 */
static int identify(struct process *p, struct diag *d)
{
	char path[32];
	struct procstat st;
	int r, again;

	snprintf(path, sizeof(path), "/proc/%d", p->pid);
	p->proc_fd = p->pid > 0 ? open(path, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
	if (p->proc_fd < 0 && p->pid > 0 && errno != ENOENT)
		return diag_fail(d, -errno, "cannot open %s: %s", path, strerror(errno));
	r = p->proc_fd < 0 ? -ESRCH : procstat_read(p->proc_fd, &st);
	if (r == -ESRCH)
		return no_such_process(p->pid, d);
	if (r == -EACCES || r == -EPERM)
		return refused(p, d);
	if (r < 0)
		return diag_fail(d, r, "%s/stat cannot be read: %s", path, strerror(-r));
	r = check_kind(p, &st, d);
	if (r < 0)
		return r;

	p->pidfd = (int)syscall(SYS_pidfd_open, p->pid, 0);
	if (p->pidfd < 0 && errno == ESRCH)
		return exited(d);
	if (p->pidfd < 0)
		return diag_fail(d, -errno, "pidfd_open: %s", strerror(errno));
	r = note_exe(p, d);
	if (r == 0)
		r = check_access(p, d);
	/* Again, and last: who was a process a moment ago may be a zombie now. */
	again = procstat_read(p->proc_fd, &st);
	if (again < 0)
		return lost(again, d);
	if (r < 0 && (st.state == 'Z' || st.state == 'X'))
		return check_kind(p, &st, d);
	/* Its memory and its executable go before it is a zombie. */
	if (r < 0)
		return st.flags & PROCSTAT_EXITING ? exited(d) : r;
	p->start_ticks = st.start_ticks;
	p->start_stack = st.start_stack;
	memcpy(p->comm, st.comm, sizeof(p->comm));
	return check_kind(p, &st, d);
}

int process_open(pid_t pid, struct process **ret, struct diag *d)
{
	CLEANUP(process_close_p) struct process *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return -ENOMEM;
	p->pid = pid;
	p->pidfd = p->proc_fd = -1;
	r = identify(p, d);
	if (r < 0)
		return diag_what(d, r, "pid %d", pid);
	*ret = TAKE(p);
	return 0;
}

void process_close(struct process *p)
{
	if (!p)
		return;
	sealed_free(p->sealed);
	if (p->pidfd >= 0)
		close(p->pidfd);
	if (p->proc_fd >= 0)
		close(p->proc_fd);
	free(p);
}

/* Who may not look at the executable any more asks the memory that it was opened with. */
static int check_sealed(const struct process *p, struct diag *d)
{
	struct pollfd alive = { .fd = p->pidfd, .events = POLLIN };

	if (poll(&alive, 1, 0) > 0)
		return exited(d);
	return sealed_memory_gone(p->sealed)
		       ? diag_fail(d, -ESTALE, "it has exited or started another program (exec)")
		       : 0;
}

static int check(const struct process *p, struct diag *d)
{
	struct pollfd alive = { .fd = p->pidfd, .events = POLLIN };
	struct procstat st;
	struct stat exe;
	int r;

	if (p->sealed)
		return check_sealed(p, d);
	if (poll(&alive, 1, 0) > 0)
		return exited(d);
	r = procstat_read(p->proc_fd, &st);
	if (r < 0)
		return lost(r, d);
	if (fstatat(p->proc_fd, "exe", &exe, 0) < 0) {
		if (errno == EACCES || errno == EPERM)
			return diag_fail(d, -ESTALE, "it changed its credentials or its program");
		/* The main thread has no memory any more; an exec by another one begins so as well. */
		if (errno == ENOENT && poll(&alive, 1, 0) == 0)
			return diag_fail(d, -EAGAIN, "its main thread has exited while others run");
		return exited(d);
	}
	if (exe.st_dev != p->exe_dev || exe.st_ino != p->exe_ino ||
	    (st.start_stack && p->start_stack && st.start_stack != p->start_stack))
		return diag_fail(d, -ESTALE, "it has started another program (exec)");
	/* A non-leader's exec hands its start time to the new leader; anything else is not ours. */
	if (st.start_ticks != p->start_ticks)
		return exited(d);
	return 0;
}

int process_check(const struct process *p, struct diag *d)
{
	int r = check(p, d);

	return r < 0 ? diag_what(d, r, "pid %d", p->pid) : 0;
}

int process_open_exe(const struct process *p, struct diag *d)
{
	int fd = p->sealed ? sealed_open(p->sealed, "exe")
			   : openat(p->proc_fd, "exe", O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int r = fd >= 0 ? 0 : p->sealed ? fd : -errno;

	if (r == 0)
		return fd;
	if (r == -ESRCH || r == -ENOENT)
		r = diag_fail(d, -ESRCH, "its executable is gone: the process has exited");
	else if (r == -EACCES || r == -EPERM)
		r = refused(p, d);
	else
		diag_fail(d, r, "its executable cannot be opened: %s", strerror(-r));
	return diag_what(d, r, "pid %d", p->pid);
}

int process_open_file(const struct process *p, const char *name)
{
	int fd = p->sealed ? sealed_open(p->sealed, name) : -ENOENT;

	if (fd == -ENOENT) {
		fd = openat(p->proc_fd, name, O_RDONLY | O_CLOEXEC);
		fd = fd < 0 ? -errno : fd;
	}
	return fd;
}
