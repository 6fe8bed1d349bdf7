/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the resident memory of one process is: accounts that sum to it, byte for byte, and what the
 * runtimes themselves say of their heaps. The names of the parts are the contract's
 * (man/loiter-json.5) and never change.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct c_memory;	/* model/c_memory.h */
struct go_memstats;	/* model/go_memory.h */
struct heap_profile;	/* model/heap_profile.h */
struct retained;	/* model/retained.h */

/* A number of bytes that nobody could tell. */
#define MEMORY_UNKNOWN UINT64_MAX

/* In the order of the contract. A resident byte is in exactly one of them. */
enum memory_part {
	MEMORY_GO_HEAP_LIVE,	/* spans in use: objects, and the free slots beside them */
	MEMORY_GO_HEAP_FREE,	/* free pages that the kernel has not got back */
	MEMORY_GO_HEAP_LAZYFREE,	/* of those, what it takes when it needs it (MADV_FREE) */
	MEMORY_GO_STACKS,	/* goroutines' stacks */
	MEMORY_GO_METADATA,	/* spans, bitmaps, tables of the allocator and the collector */
	MEMORY_GO_OTHER,	/* else mapped by the Go runtime */
	MEMORY_C_HEAP_USED,
	MEMORY_C_HEAP_FREE,
	MEMORY_C_MMAP,		/* anonymous memory that native code mapped, malloc's own too */
	MEMORY_THREAD_STACKS,
	MEMORY_FILE_TEXT,	/* files' pages as they are on disk */
	MEMORY_FILE_DATA,	/* the process's own copies of them, .bss, files mapped shared */
	MEMORY_SHARED,		/* memory of no file that others can have as well */
	MEMORY_KERNEL_OTHER,	/* vdso, rings and other mappings of the kernel's */
	MEMORY_UNEXPLAINED,
	MEMORY_PARTS,
};

/* "go.heap.live"; NULL beyond the last. */
const char *memory_part_name(enum memory_part part);
/* -1: there is no such part. */
int memory_part_find(const char *name);

/* What a resident page is. */
enum page_kind {
	PAGE_ANON,	/* the process's own */
	PAGE_FILE,	/* of a file's, or of shared memory's */
	PAGE_ZERO,	/* the page of zeroes that is read where nothing was written */
	PAGE_DOUBTFUL,	/* one of those that RSS counts, or of zeroes: this kernel does not say */
};

/* Pages of one kind beside each other. */
struct page_run {
	uint64_t start, end;
	uint8_t kind;		/* enum page_kind */
	bool huge;		/* in one piece of the page table's upper level: 2 MiB */
};

/* What of one file is resident. */
struct memory_file {
	const char *path;	/* as the process has it; NULL: the rest of the files together */
	uint64_t text_bytes, data_bytes;
};

struct memory_ledger {
	/*
	 * What the parts sum to, exactly: the pages counted, unless the kernel had more both before
	 * and after; what it had more is unexplained then.
	 */
	uint64_t rss_bytes;
	uint64_t rss_before, rss_after;	/* what the kernel said, before and after they were read */
	double span_s;			/* between those two */
	/* MEMORY_UNKNOWN: it was not told apart, or this process cannot have it. */
	uint64_t part[MEMORY_PARTS];
	const struct memory_file *files;	/* most bytes first; sums are those of the parts */
	uint32_t n_files;
	bool by_page;		/* false: pagemap may not be read, the kernel's sums stand in */
	/* Beside RSS; MEMORY_UNKNOWN. */
	uint64_t swap_bytes;
	uint64_t hugetlb_bytes;	/* of hugetlbfs, which the kernel counts apart */
	uint64_t huge_bytes;	/* of RSS, in transparent huge pages */
	uint64_t lazyfree_bytes;	/* of RSS, what the kernel may take (MADV_FREE) */
	uint64_t zero_bytes;	/* read and never written: all one page of zeroes, not in RSS */
	const struct go_memstats *go;	/* NULL: no Go, or not read; all below likewise */
	const struct c_memory *c;
	const struct heap_profile *heap_sites;
	const struct retained *retained;
	const char *const *notes;	/* sentences for people: what is missing, and why */
	uint32_t n_notes;
};

/*
 * What malloc_trim(0) could take off RSS, at most: whole free pages, of which not all need be
 * resident. MEMORY_UNKNOWN.
 */
uint64_t memory_trimmable(const struct memory_ledger *m);
