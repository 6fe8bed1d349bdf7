/* SPDX-License-Identifier: Apache-2.0 */
/* The threads of a process, by /proc/PID/task. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "base/diag.h"

struct process;

/* Ascending tids, malloc'ed: the caller frees. -ESRCH, -ENOMEM. */
int threads_list(const struct process *p, pid_t **ret, size_t *n, struct diag *d);
