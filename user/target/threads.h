/* SPDX-License-Identifier: Apache-2.0 */
/* The threads of a process, by /proc/PID/task. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/diag.h"

struct process;

/* Ascending tids, malloc'ed: the caller frees. -ESRCH, -ENOMEM. */
int threads_list(const struct process *p, pid_t **ret, size_t *n, struct diag *d);

/*
 * How often these were put on a processor, together, since each of them began: the ones that are
 * gone are left out. 0; -EOPNOTSUPP: the kernel does not count it.
 */
int threads_switches(const struct process *p, const pid_t *tids, size_t n, uint64_t *ret);

/*
 * What the process itself calls its threads: their ids in its own pid namespace. own[i] belongs
 * to tids[i], 0 for a thread that is gone. False: it is our namespace, and own is not filled.
 */
bool threads_own_ids(const struct process *p, const pid_t *tids, size_t n, pid_t *own);
