// SPDX-License-Identifier: Apache-2.0
#include "target/discover.h"

#include <errno.h>
#include <fcntl.h>
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
