/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An address space: a live process (target/mem_live), an ELF core (target/core), the file behind
 * a mapping (image/elf), a cache in front of one of these, or a test's array. Addresses are the
 * target's, never pointers of ours.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

struct mem;

/* One piece of a batched read. */
struct mem_req {
	uint64_t addr;
	void *buf;
	uint32_t len;
	int err;		/* out: 0, -EFAULT or -ESRCH; buf is undefined unless 0 */
};

struct mem_ops {
	/* Fills all of buf or fails: -EFAULT page absent, -ESRCH target gone, -EPERM. */
	int (*read)(struct mem *m, uint64_t addr, void *buf, size_t len);
	/*
	 * Reads every piece, setting each err. 0 when the pieces were tried, else what stopped
	 * it: -ESRCH, -EPERM. NULL: mem_read_many() loops over read().
	 */
	int (*read_many)(struct mem *m, struct mem_req *reqs, size_t n);
	/*
	 * A second handle on the same address space, for another thread: one handle serves one
	 * thread. NULL: there is none to be had.
	 */
	int (*clone)(struct mem *m, struct mem **ret);
	/* NULL: nothing is kept that could be given back. */
	void (*forget)(struct mem *m, uint64_t start, uint64_t end);
	void (*close)(struct mem *m);
};

/* Embedded first in each implementation's own struct. */
struct mem {
	const struct mem_ops *ops;
};

int mem_read(struct mem *m, uint64_t addr, void *buf, size_t len);
int mem_read_many(struct mem *m, struct mem_req *reqs, size_t n);
int mem_read_u64(struct mem *m, uint64_t addr, uint64_t *ret);
int mem_read_u32(struct mem *m, uint64_t addr, uint32_t *ret);
/* -EOPNOTSUPP when this kind has no clones; -ENOMEM. What the original borrows, this one does. */
int mem_clone(struct mem *m, struct mem **ret);
/*
 * Nobody will read [start, end) any more: where it is a copy, its memory is given back, sooner or
 * later, and reads of it fail.
 */
void mem_forget(struct mem *m, uint64_t start, uint64_t end);
/* Accepts NULL. */
void mem_close(struct mem *m);
DEFINE_CLEANUP(struct mem, mem_close)

/*
 * A cache of `blocks` blocks of `block` bytes (a power of two) in front of `under`, which must
 * outlive it. For many small reads of data that does not move, or that may be as old as the last
 * memcache_drop(). Reads of more than a block go straight through; a block that cannot be read
 * whole (the end of a mapping) falls back to an exact read. -ENOMEM.
 */
int memcache_open(struct mem *under, size_t block, size_t blocks, struct mem **ret);
/* Forgets everything that was read so far. */
void memcache_drop(struct mem *cache);
/* The same, and its memory is given back until something is read again: for one that waits long. */
void memcache_rest(struct mem *cache);
/* Reads of `under` that were made: what a walk has cost. */
uint64_t memcache_misses(const struct mem *cache);

/* A fixed piece of address space for tests and fuzzing; bytes are borrowed. */
struct mem_range {
	uint64_t addr;
	const void *bytes;
	size_t len;
};
/* Copies the table, borrows the bytes. -ENOMEM. */
int mem_array_open(const struct mem_range *ranges, size_t n, struct mem **ret);
