/* SPDX-License-Identifier: Apache-2.0 */
/* A running process as an address space: process_vm_readv, 1,024 pieces a call. */
#pragma once

#include "base/mem.h"

struct process;

/*
 * `p` must outlive it. A bad piece stops the kernel's copy: it gets -EFAULT and reading resumes
 * after it. -EPERM from reads when ptrace access is refused. -ENOMEM.
 */
int mem_live_open(const struct process *p, struct mem **ret);
