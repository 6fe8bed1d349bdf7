/* SPDX-License-Identifier: Apache-2.0 */
/* A running process as an address space: process_vm_readv, 1,024 pieces a call. */
#pragma once

#include <sys/types.h>

#include "base/mem.h"

struct process;

/*
 * A few bytes of some process's memory, without opening it: it may be another one by now, which the
 * caller finds out. Waits for a page that has to be fetched. 0, -ESRCH, -EPERM, -EFAULT.
 */
int mem_live_peek(pid_t pid, uint64_t addr, void *buf, size_t len);

/*
 * `p` must outlive it. A bad piece stops the kernel's copy: it gets -EFAULT and reading resumes
 * after it. -EPERM from reads when ptrace access is refused. -ENOMEM.
 */
int mem_live_open(const struct process *p, struct mem **ret);
