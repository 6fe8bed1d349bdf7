// SPDX-License-Identifier: Apache-2.0
#include "target/discover.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "target/procfile.h"

static bool worth_a_look(int proc_fd, pid_t pid)
{
	struct procstat st;
	char name[16];
	int fd, r;

	if (pid == getpid())
		return false;
	snprintf(name, sizeof(name), "%d", pid);
	fd = openat(proc_fd, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return false;
	r = procstat_read(fd, &st);
	close(fd);
	return r == 0 && !(st.flags & PROCSTAT_KTHREAD) && st.state != 'Z' && st.state != 'X';
}

int discover_pids(pid_t **ret, size_t *ret_n, struct diag *d)
{
	pid_t *pids = NULL;
	size_t all = 0, n = 0;
	int fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int r = fd < 0 ? -errno : procfile_numbers(fd, ".", &pids, &all);

	if (r == 0) {
		for (size_t i = 0; i < all; i++)
			if (worth_a_look(fd, pids[i]))
				pids[n++] = pids[i];
		*ret = pids;
		*ret_n = n;
	}
	if (fd >= 0)
		close(fd);
	if (r < 0) {
		diag_fail(d, r, "the processes cannot be listed: %s", strerror(-r));
		return diag_what(d, r, "/proc");
	}
	return 0;
}

/* More than a kernel gives out by default (kernel.pid_max on 64 bits). */
#define MAX_PIDS (4u << 20)

struct pid_list {
	pid_t *all;
	size_t n, room;
};

static int add_pid(struct pid_list *l, pid_t pid)
{
	if (pid == getpid())
		return 0;
	if (l->n == l->room) {
		size_t room = l->room ? l->room * 2 : 64;
		pid_t *all = room <= MAX_PIDS ? realloc(l->all, room * sizeof(*all)) : NULL;

		if (!all)
			return -ENOMEM;
		l->all = all;
		l->room = room;
	}
	l->all[l->n++] = pid;
	return 0;
}

/* A group that is a thread's, or gone by now, has no list of processes. */
static int add_procs(struct pid_list *l, const char *directory)
{
	char path[PATH_MAX];
	FILE *f;
	int pid, r = 0;

	if (snprintf(path, sizeof(path), "%s/cgroup.procs", directory) >= (int)sizeof(path))
		return 0;
	f = fopen(path, "re");
	if (!f)
		return 0;
	/* 0 stands for a process outside our pid namespace. */
	while (r == 0 && fscanf(f, "%d", &pid) == 1)
		r = pid > 0 ? add_pid(l, pid) : 0;
	fclose(f);
	return r;
}

static int by_pid(const void *a, const void *b)
{
	return *(const pid_t *)a - *(const pid_t *)b;
}

int discover_cgroup(const char *path, pid_t **ret, size_t *ret_n, struct diag *d)
{
	char root[PATH_MAX], procs[PATH_MAX + 16];
	char *const roots[] = { root, NULL };
	struct pid_list l = { 0 };
	FTS *walk;
	int r = 0;

	snprintf(root, sizeof(root), "%s%s", path[0] == '/' ? "" : "/sys/fs/cgroup/", path);
	snprintf(procs, sizeof(procs), "%s/cgroup.procs", root);
	if (access(procs, F_OK) < 0) {
		diag_fail(d, -ENOENT, "there is no such cgroup");
		diag_what(d, -ENOENT, "%s", root);
		return diag_hint(d, -ENOENT, "give a directory below /sys/fs/cgroup");
	}
	walk = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_NOSTAT, NULL);
	if (!walk)
		return -ENOMEM;
	for (FTSENT *e; r == 0 && (e = fts_read(walk));)
		if (e->fts_info == FTS_D)
			r = add_procs(&l, e->fts_path);
	fts_close(walk);
	if (r < 0) {
		free(l.all);
		return r;
	}
	if (l.n)
		qsort(l.all, l.n, sizeof(*l.all), by_pid);
	*ret = l.all;
	*ret_n = l.n;
	return 0;
}
