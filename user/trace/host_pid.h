/* SPDX-License-Identifier: Apache-2.0 */
/* The id of a process in the first pid namespace: how BPF programs know it. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "base/diag.h"

/*
 * pid and pidfd are of the same process. In the first namespace it is pid; in another the kernel
 * is asked (Linux 6.1). -EOPNOTSUPP it does not tell, -EPERM, -ESRCH.
 */
int host_pid_find(pid_t pid, int pidfd, uint32_t *ret, struct diag *d);

/* The same of this process. */
int host_pid_own(uint32_t *ret, struct diag *d);

/* We live in the first pid namespace. */
_Bool host_pid_is_ours(void);
