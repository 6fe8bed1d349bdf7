/* SPDX-License-Identifier: Apache-2.0 */
/* What /proc says of many processes in a line each, as cheaply as it can be had. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "base/diag.h"
#include "target/procfile.h"

struct proc_line {
	pid_t pid;
	struct procstat stat;
};

/*
 * One line for each process of `cgroup` and below it (as discover_cgroup() takes it; NULL: of the
 * machine), by pid, malloc'ed: the caller frees. Left out: ourselves, kernel threads, zombies, and
 * what has ended meanwhile. None of it waits for the process. Errors of discover_cgroup().
 */
int proc_lines(const char *cgroup, struct proc_line **ret, size_t *n, struct diag *d);
