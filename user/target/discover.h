/* SPDX-License-Identifier: Apache-2.0 */
/* Every process that might run Go: what `loiter snapshot --all` walks. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "base/diag.h"

/* Ascending pids of all user processes but ourselves (kernel threads and zombies left out),
 * malloc'ed: the caller frees. */
int discover_pids(pid_t **ret, size_t *n, struct diag *d);

/*
 * The same of a cgroup and all below it. path is a directory of the cgroup file system, or relative
 * to /sys/fs/cgroup. -ENOENT with the sentence when there is none.
 */
int discover_cgroup(const char *path, pid_t **ret, size_t *n, struct diag *d);
