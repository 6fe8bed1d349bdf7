/* SPDX-License-Identifier: Apache-2.0 */
/* What /proc says of many processes in a line each, as cheaply as it can be had. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/diag.h"
#include "target/procfile.h"

struct proc_line {
	pid_t pid;
	struct procstat stat;
};

/*
 * The pids alone of `cgroup` and below it, or of the machine, ascending, malloc'ed: kernel threads and
 * ourselves are among them. Errors of discover_cgroup().
 */
int proc_pids(const char *cgroup, int proc_fd, pid_t **ret, size_t *n, struct diag *d);

/*
 * The line of one process, below a descriptor of /proc. False: it is none that proc_lines() would
 * have, or there is none.
 */
bool proc_line_read(int proc_fd, pid_t pid, struct proc_line *ret);

/*
 * One line for each process of `cgroup` and below it (as discover_cgroup() takes it; NULL: of the
 * machine), by pid, malloc'ed: the caller frees. Left out: ourselves, kernel threads, zombies, and
 * what has ended meanwhile. None of it waits for the process. Errors of discover_cgroup().
 */
int proc_lines(const char *cgroup, struct proc_line **ret, size_t *n, struct diag *d);
