/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a cell locks itself in before it believes a byte of a target: no capabilities, no way to
 * get any, files of /proc/PID alone (Landlock, where the kernel has it), a list of system calls
 * beyond which it is killed, and bounds on memory and time.
 *
 * One that may stop its target is locked in less well: it keeps CAP_SYS_PTRACE, Landlock, which
 * forbids to trace, is left out, and its list has ptrace(), without what writes, and
 * process_vm_readv() of the target. It could open the memory of others. So it is made only where a
 * stop was asked for, which the configuration must allow.
 */
#pragma once

#include <sys/types.h>

#include "base/diag.h"
#include "daemon/cell_request.h"

struct cage_plan {
	int proc_fd;		/* /proc/PID of the target */
	pid_t traced;		/* the target, when it may be stopped; 0: it may not */
	struct cell_limits limits;
};

/*
 * Of the calling process, which has one thread; for good. What it holds open stays open. 0;
 * negative errno: it is not locked in, and must end.
 */
int cage_enter(const struct cage_plan *plan, struct diag *d);

/* --- Its parts --- */

/* The list of system calls (cage_calls.c). traced as above. */
int cage_filter_calls(pid_t traced, struct diag *d);
/* Reading below these directories alone (cage_files.c). 0 also where there is no Landlock. */
int cage_files_only(const int *dir_fds, size_t n, struct diag *d);
