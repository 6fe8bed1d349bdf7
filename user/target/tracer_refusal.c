// SPDX-License-Identifier: Apache-2.0
#include "target/tracer_refusal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "target/process.h"
#include "target/procfile.h"

/* /proc/PID/status is a few lines, one of which lists CPUs and nodes. */
#define STATUS_MAX (64u << 10)

/* The number behind a line's name; -1 there is no such line. */
static long number_of(const char *text, const char *line)
{
	const char *at = strstr(text, line);

	return at ? strtol(at + strlen(line), NULL, 10) : -1;
}

static char state_of(const char *text)
{
	const char *at = strstr(text, "\nState:\t");

	return at ? at[strlen("\nState:\t")] : '?';
}

static int yama_scope(void)
{
	CLEANUP(procfile_free_p) char *text = NULL;
	size_t len;

	if (procfile_read(AT_FDCWD, "/proc/sys/kernel/yama/ptrace_scope", 64, &text, &len) < 0)
		return 0;
	return (int)strtol(text, NULL, 10);
}

static int say_tracer(long tracer, struct diag *d)
{
	CLEANUP(procfile_free_p) char *comm = NULL;
	char path[48];
	size_t len = 0;

	snprintf(path, sizeof(path), "/proc/%ld/comm", tracer);
	if (procfile_read(AT_FDCWD, path, 4096, &comm, &len) == 0 && len)
		comm[len - 1] = '\0';
	diag_fail(d, -EBUSY, "%s%spid %ld traces it already, and there can be only one",
		  comm && *comm ? comm : "", comm && *comm ? ", " : "", tracer);
	return diag_hint(d, -EBUSY, "detach that first, or leave out --prove");
}

static int say_permission(const char *status, struct diag *d)
{
	long uid = number_of(status, "\nUid:\t");
	int scope = yama_scope();

	if (scope >= 3)
		diag_fail(d, -EPERM, "kernel.yama.ptrace_scope is 3: nobody may stop a process");
	else if (uid >= 0 && (uid_t)uid != geteuid() && geteuid() != 0)
		diag_fail(d, -EPERM, "to stop a process of user %ld takes CAP_SYS_PTRACE", uid);
	else if (scope > 0 && geteuid() != 0)
		diag_fail(d, -EPERM, "to stop it takes CAP_SYS_PTRACE "
			  "(kernel.yama.ptrace_scope is %d)", scope);
	else
		diag_fail(d, -EPERM, "ptrace(2) is refused: no CAP_SYS_PTRACE here, or a rule of "
			  "the system or container forbids it");
	return diag_hint(d, -EPERM, "run as root, or leave out --prove");
}

int tracer_refusal(const struct process *p, pid_t tid, int err, struct diag *d)
{
	CLEANUP(procfile_free_p) char *status = NULL;
	char name[40];
	size_t len;
	long tracer;

	if (err != EPERM)
		return diag_fail(d, -err, "ptrace(2) failed: %s", strerror(err));
	snprintf(name, sizeof(name), "task/%d/status", tid);
	if (procfile_read(p->proc_fd, name, STATUS_MAX, &status, &len) < 0)
		return 0;
	/* A thread that has exited, and is not reaped yet, cannot be traced. */
	if (state_of(status) == 'Z' || state_of(status) == 'X')
		return 0;
	tracer = number_of(status, "\nTracerPid:\t");
	return tracer > 0 ? say_tracer(tracer, d) : say_permission(status, d);
}
