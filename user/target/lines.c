// SPDX-License-Identifier: Apache-2.0
#include "target/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "target/discover.h"

/* Some 52 numbers and a name. */
enum { STAT_MAX = 2048 };

/* Not procfile_read(): one file of each process, so what it allocates would be most of it. */
static bool read_line(int proc_fd, pid_t pid, struct procstat *ret)
{
	char name[32], text[STAT_MAX];
	ssize_t n;
	int fd;

	snprintf(name, sizeof(name), "%d/stat", pid);
	fd = openat(proc_fd, name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return false;
	text[n] = '\0';
	return procstat_parse(text, ret) == 0;
}

bool proc_line_read(int proc_fd, pid_t pid, struct proc_line *ret)
{
	const struct procstat *st = &ret->stat;

	if (pid == getpid() || !read_line(proc_fd, pid, &ret->stat) ||
	    st->flags & PROCSTAT_KTHREAD || st->state == 'Z' || st->state == 'X')
		return false;
	ret->pid = pid;
	return true;
}

int proc_pids(const char *cgroup, int proc_fd, pid_t **pids, size_t *n, struct diag *d)
{
	int r;

	if (cgroup)
		return discover_cgroup(cgroup, pids, n, d);
	r = procfile_numbers(proc_fd, ".", pids, n);
	if (r < 0)
		diag_fail(d, r, "the processes cannot be listed: %s", strerror(-r));
	return r < 0 ? diag_what(d, r, "/proc") : 0;
}

static int read_lines(const pid_t *pids, size_t n, int proc_fd, struct proc_line **ret,
		      size_t *ret_n)
{
	struct proc_line *all = calloc(n + 1, sizeof(*all));
	size_t m = 0;

	if (!all)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		m += proc_line_read(proc_fd, pids[i], &all[m]);
	*ret = all;
	*ret_n = m;
	return 0;
}

int proc_lines(const char *cgroup, struct proc_line **ret, size_t *n, struct diag *d)
{
	int fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	pid_t *pids = NULL;
	size_t all = 0;
	int r = fd < 0 ? -errno : proc_pids(cgroup, fd, &pids, &all, d);

	if (r == 0)
		r = read_lines(pids, all, fd, ret, n);
	free(pids);
	if (fd >= 0)
		close(fd);
	return r;
}
