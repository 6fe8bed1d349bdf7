// SPDX-License-Identifier: Apache-2.0
#include "target/threads.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "target/process.h"
#include "target/procfile.h"

/* /proc/PID/status is a few lines, one of which lists CPUs and nodes. */
#define STATUS_MAX (64u << 10)
#define SCHEDSTAT_MAX 4096u

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

int threads_switches(const struct process *p, const pid_t *tids, size_t n, uint64_t *ret)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < n; i++) {
		CLEANUP(procfile_free_p) char *text = NULL;
		unsigned long long times;
		char name[32];
		size_t len;

		/* Documentation/scheduler/sched-stats.rst: time on, time waiting, times on. */
		snprintf(name, sizeof(name), "task/%d/schedstat", tids[i]);
		if (procfile_read(p->proc_fd, name, SCHEDSTAT_MAX, &text, &len) < 0)
			continue;
		if (sscanf(text, "%*u %*u %llu", &times) == 1)
			sum += times;
	}
	/* A thread that was never on did not begin. */
	if (n && !sum)
		return -EOPNOTSUPP;
	*ret = sum;
	return 0;
}

/* NSpid of status: the id in each pid namespace, ours first and the thread's own last. */
static int read_ns_ids(const struct process *p, pid_t tid, unsigned int *depth, pid_t *innermost)
{
	CLEANUP(procfile_free_p) char *text = NULL;
	char name[32], *at, *end;
	size_t len;
	int r;

	snprintf(name, sizeof(name), "task/%d/status", tid);
	r = procfile_read(p->proc_fd, name, STATUS_MAX, &text, &len);
	if (r < 0)
		return r;
	at = strstr(text, "\nNSpid:");
	if (!at)
		return -ENODATA;	/* a kernel without pid namespaces */
	at += strlen("\nNSpid:");
	for (*depth = 0; *at == '\t'; at = end, (*depth)++)
		*innermost = (pid_t)strtol(at + 1, &end, 10);
	return *depth ? 0 : -EBADMSG;
}

bool threads_own_ids(const struct process *p, const pid_t *tids, size_t n, pid_t *own)
{
	unsigned int depth = 0;
	pid_t id = 0;

	if (read_ns_ids(p, p->pid, &depth, &id) < 0 || depth < 2)
		return false;
	for (size_t i = 0; i < n; i++)
		own[i] = read_ns_ids(p, tids[i], &depth, &id) == 0 ? id : 0;
	return true;
}
