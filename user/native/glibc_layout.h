/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands where in the heap of glibc 2.27 to 2.41 on x86-64: by malloc/malloc.c and
 * malloc/arena.c, checked against the DWARF of Debian's libc6-dbg 2.31, 2.36 and 2.41, which do not
 * differ but where it is said.
 */
#pragma once

#include <stdint.h>

/* struct malloc_state */
enum {
	ARENA_FLAGS = 4, ARENA_FASTBINS = 16, ARENA_TOP = 96, ARENA_BINS = 112, ARENA_NEXT = 2160,
	ARENA_THREADS = 2176, ARENA_SYSTEM = 2184, ARENA_MAX_SYSTEM = 2192, ARENA_BYTES = 2200,
	ARENA_N_FASTBINS = 10,
	/* bin_at(1) ... bin_at(127): unsorted, small up to 63, large. */
	ARENA_N_BINS = 127, ARENA_SMALL_BINS = 63,
};
/* A bin is a chunk of which only fd and bk are there: its address is two words before them. */
#define ARENA_BIN_CHUNK(arena, bin) ((arena) + ARENA_TOP + 16 * ((uint64_t)(bin) - 1))

/* struct malloc_chunk */
enum {
	CHUNK_PREV_SIZE = 0, CHUNK_SIZE = 8, CHUNK_FD = 16, CHUNK_BK = 24, CHUNK_STRUCT_BYTES = 48,
	CHUNK_HEADER = 16, CHUNK_MIN = 32, CHUNK_ALIGN = 16,
	CHUNK_PREV_IN_USE = 1, CHUNK_IS_MMAPPED = 2, CHUNK_NON_MAIN = 4, CHUNK_FLAGS = 7,
	FASTBIN_MAX_CHUNK = 176,
};

/* struct _heap_info; its size tells the release: glibc 2.35 added pagesize. */
enum {
	HEAP_ARENA = 0, HEAP_PREV = 8, HEAP_SIZE = 16, HEAP_BYTES = 32, HEAP_BYTES_235 = 48,
};
/* HEAP_MAX_SIZE: twice DEFAULT_MMAP_THRESHOLD_MAX; four huge pages with glibc.malloc.hugetlb=2. */
#define HEAP_MAX_BYTES (64ull << 20)

/* struct tcache_perthread_struct since glibc 2.30: u16 counts[64], then entries[64]. */
enum {
	TCACHE_BINS = 64, TCACHE_ENTRIES = 128, TCACHE_BYTES = 640, TCACHE_CHUNK = 656,
};

enum {
	GLIBC_MINOR_OLDEST = 27,	/* have_fastchunks moved the fastbins */
	GLIBC_MINOR_TCACHE = 30,	/* counts of 16 bits */
	GLIBC_MINOR_SAFE_LINKING = 32,	/* PROTECT_PTR() */
	GLIBC_MINOR_HUGETLB = 35,
	GLIBC_MINOR_NEWEST = 41,
};

#define GLIBC_PAGE 4096ull
/* No address space of a user is larger. */
#define GLIBC_MAX_BYTES (1ull << 47)
