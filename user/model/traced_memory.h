/* SPDX-License-Identifier: Apache-2.0 */
/* What a process had of the kernel's memory during an interval, by kind and by site. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "model/stack_copy.h"

enum traced_memory_kind {
	TRACED_MMAP_ANON,
	TRACED_MMAP_FILE,
	TRACED_MMAP_RESERVE,	/* without any access: address space, not memory */
	TRACED_MUNMAP,
	TRACED_MREMAP_GROW,
	TRACED_MREMAP_SHRINK,
	TRACED_BRK_GROW,
	TRACED_BRK_SHRINK,
	TRACED_MADV_DONTNEED,
	TRACED_MADV_FREE,
	/* A page that was not there. Reading may have mapped the zero page; a huge page counts as 4 KiB. */
	TRACED_FAULT,
	TRACED_FAULT_WRITE,	/* one that was there, not writable: mostly copy on write */
	TRACED_MEMORY_KINDS
};

/* "mmap", "munmap", "page fault", ...; a static string. */
const char *traced_memory_kind_word(enum traced_memory_kind kind);

struct traced_bytes {
	uint64_t calls, bytes;
};

/* Calls with one stack. The stack is by frame pointers: C code without them shows its inner end. */
struct traced_memory_site {
	enum traced_memory_kind kind;
	struct traced_bytes sum;
	uint64_t hash;		/* of its stack: what samples and ranges name it by */
	bool whole;		/* the walk came to the stack's end */
	const uint64_t *pcs;	/* innermost first: a pc, then return addresses */
	size_t n_pcs;
};

/* One call, or one page fault, with what an unwinder needs. Grown memory and some faults alone. */
struct traced_memory_sample {
	enum traced_memory_kind kind;
	pid_t tid;		/* in the first pid namespace */
	uint64_t addr, bytes;
	uint64_t at_ns;		/* CLOCK_MONOTONIC */
	uint64_t site;		/* the hash of its site */
	bool kept;		/* of a range below; else one of all calls, or of all faults */
	struct stack_copy stack;
	/* Of the goroutine whose work the thread did off its stack; n_go_pcs 0: none. */
	const uint64_t *go_pcs;
	size_t n_go_pcs;
};

/*
 * A piece of address space that was had and not given back by the end of the interval; or, without
 * a site, one that was given back, or mapped over, in which something may have been had before.
 */
struct traced_memory_range {
	enum traced_memory_kind kind;
	bool had;
	uint64_t addr, bytes;
	/* mremap: where the first moved_bytes were at the last collect; 0: not had then. */
	uint64_t moved_from, moved_bytes;
	uint64_t at_ns;
	uint64_t site;
};

struct traced_memory {
	struct traced_bytes totals[TRACED_MEMORY_KINDS];	/* exact, while armed */
	uint64_t failed;	/* such system calls that the kernel refused */
	/*
	 * Highest counts of resident pages since the first arm, to some tens of pages: anonymous,
	 * files, shared memory. 0: not seen.
	 */
	uint64_t peak_anon_bytes, peak_file_bytes, peak_shared_bytes;
	struct traced_memory_site *sites;	/* most bytes first */
	size_t n_sites;
	struct traced_memory_sample *samples;	/* those of ranges first */
	size_t n_samples;
	struct traced_memory_range *ranges;	/* oldest first */
	size_t n_ranges;
	uint64_t lost_ranges;
	uint64_t lost_sites;	/* calls that are in the totals and in no site */
	uint64_t lost_samples;	/* samples that found no room */
};
