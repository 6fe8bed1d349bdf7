// SPDX-License-Identifier: Apache-2.0
#include "trace/target.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "target/procfile.h"
#include "target/process.h"
#include "trace/host_pid.h"

/* A cgroup's id is the inode of its directory in cgroup2 (Linux 5.5). 0: none to be found. */
static uint64_t read_cgroup_id(const struct process *p)
{
	CLEANUP(procfile_free_p) char *text = NULL;
	CLEANUP(procfile_free_p) char *path = NULL;
	const char *line;
	struct stat st;
	size_t len;

	if (procfile_read(p->proc_fd, "cgroup", 256 * 1024, &text, &len) < 0)
		return 0;
	line = strncmp(text, "0::", 3) == 0 ? text : strstr(text, "\n0::");
	if (!line)
		return 0;
	line = strchr(line, '/');
	if (!line || asprintf(&path, "/sys/fs/cgroup%.*s", (int)strcspn(line, "\n"), line) < 0)
		return 0;
	return stat(path, &st) == 0 ? st.st_ino : 0;
}

int trace_target_fill(const struct process *p, struct trace_target *ret, struct diag *d)
{
	struct trace_target t = {
		.pid = p->pid,
		.pidfd = p->pidfd,
		.start_ticks = p->start_ticks,
	};
	int r = host_pid_find(p->pid, p->pidfd, &t.host_tgid, d);

	if (r < 0)
		return diag_what(d, r, "pid %d", p->pid);
	snprintf(t.exe, sizeof(t.exe), "/proc/%d/exe", p->pid);
	t.cgroup_id = read_cgroup_id(p);
	r = process_check(p, d);
	if (r < 0)
		return r;
	*ret = t;
	return 0;
}
