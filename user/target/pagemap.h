/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which pages of a process are resident, and of which kind: by the PAGEMAP_SCAN of Linux 6.7 where
 * the kernel has it, else by the entries of /proc/PID/pagemap. Either is asked for a few pages at a
 * time: while it walks, the process can neither map nor unmap.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/diag.h"
#include "model/memory.h"

struct pagemap;
struct process;

/*
 * The process must outlive it. -EPERM: it may not be read by us; -EOPNOTSUPP: this kernel has
 * none; -ESRCH, -ENOMEM.
 */
int pagemap_open(const struct process *p, struct pagemap **ret, struct diag *d);
/* The same, but never by PAGEMAP_SCAN: what older kernels do. */
int pagemap_open_entries(const struct process *p, struct pagemap **ret, struct diag *d);
void pagemap_close(struct pagemap *pm);
DEFINE_CLEANUP(struct pagemap, pagemap_close)

/* Of the kernel's answers: PAGE_ZERO is told from PAGE_ANON, and huge pages are told. */
bool pagemap_tells_huge(const struct pagemap *pm);

/*
 * Calls visit for the resident pages of [start, end), ascending; neighbours of one kind may come
 * in several runs. Ends with what visit returns below 0. -ESRCH: it has ended; -E2BIG: more of the
 * address space than LIMIT_PAGEMAP_BYTES was asked for, and this kernel cannot pass over holes;
 * -EPERM, -ENOMEM.
 */
int pagemap_scan(struct pagemap *pm, uint64_t start, uint64_t end,
		 int (*visit)(void *arg, const struct page_run *run), void *arg, struct diag *d);
