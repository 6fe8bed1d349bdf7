// SPDX-License-Identifier: Apache-2.0
#include "target/threads.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "target/process.h"
#include "target/procfile.h"

int threads_list(const struct process *p, pid_t **ret, size_t *n, struct diag *d)
{
	pid_t *tids = NULL;
	size_t count = 0;
	int r = procfile_numbers(p->proc_fd, "task", &tids, &count);

	/* A process that has just been reaped lists as an empty or a vanished directory. */
	if (r == -ENOENT || (r == 0 && count == 0)) {
		free(tids);
		r = -ESRCH;
	}
	if (r == -ESRCH)
		diag_fail(d, r, "the process has exited");
	else if (r < 0)
		diag_fail(d, r, "its threads cannot be listed: %s", strerror(-r));
	if (r < 0)
		return diag_what(d, r, "pid %d", p->pid);
	*ret = tids;
	*n = count;
	return 0;
}
