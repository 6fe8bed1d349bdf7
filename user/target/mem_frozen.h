/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parts of a process's memory as they stood while it was stopped: a plan of ranges made beforehand,
 * room for it that was touched beforehand, a copy by several threads in large reads, and an address
 * space over the copy. What lies outside cannot be read, and each attempt is counted: whoever had
 * to try knows less than all.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/diag.h"
#include "base/mem.h"

struct process;
struct mem_frozen;

struct frozen_range {
	uint64_t start, end;	/* [start, end) */
};

/*
 * Room for the ranges of the plan, in any order, overlapping or not, and for `spare` further bytes.
 * The buffers are touched and the threads are there when it returns. `p` must outlive it. -E2BIG it
 * takes more than max_bytes of our memory; -ENOMEM.
 */
int mem_frozen_open(const struct process *p, const struct frozen_range *plan, size_t n,
		    uint64_t spare, uint64_t max_bytes, struct mem_frozen **ret, struct diag *d);
/* So much of the spare room will be used: it is touched, too. -ENOMEM. */
int mem_frozen_expect(struct mem_frozen *f, uint64_t spare);
/* After the last of its address spaces was closed. Accepts NULL. */
void mem_frozen_close(struct mem_frozen *f);
DEFINE_CLEANUP(struct mem_frozen, mem_frozen_close)

/* Bytes of the plan, in whole pages and without overlaps. */
uint64_t mem_frozen_bytes(const struct mem_frozen *f);

/*
 * Copies the first `bytes` of the plan, as the real copy would, and says how long it took: what an
 * estimate stands on. 0 or errors of reading; *ret_bytes what was copied.
 */
int mem_frozen_rehearse(struct mem_frozen *f, uint64_t bytes, uint64_t *ret_bytes, double *ret_s);

/*
 * The copy, once. mem_frozen_start() sets all threads to work and returns; while they work,
 * mem_frozen_more() adds what the plan did not have (parts that it has are left out; -ENOSPC the
 * spare room is used up); mem_frozen_finish() says that nothing more comes, helps and waits.
 * -ETIMEDOUT after `us` microseconds, and the copy is of no use. Pages that are not there are left
 * out, which is no error. -ESRCH, -EPERM.
 */
void mem_frozen_start(struct mem_frozen *f);
int mem_frozen_more(struct mem_frozen *f, uint64_t start, uint64_t end);
int mem_frozen_finish(struct mem_frozen *f, uint64_t us);
/* Bytes that were copied. */
uint64_t mem_frozen_copied(const struct mem_frozen *f);

/*
 * The copy as an address space, once it is finished; closed with mem_close(). It has clones. What
 * lies in `constant`, ranges that nobody writes to, ascending, borrowed for good, is read from the
 * process itself. -EFAULT from reads of what was not copied.
 */
int mem_frozen_mem(struct mem_frozen *f, const struct frozen_range *constant, size_t n_constant,
		   struct mem **ret);

/*
 * Ranges, ascending, borrowed for good, that may be left out: reads of them fail as well, but are
 * not counted.
 */
void mem_frozen_do_without(struct mem_frozen *f, const struct frozen_range *ranges, size_t n);

/*
 * Reads of what was not copied, since the last mem_frozen_forget_misses(), and the first's address.
 */
uint64_t mem_frozen_misses(const struct mem_frozen *f, uint64_t *first);
void mem_frozen_forget_misses(struct mem_frozen *f);
