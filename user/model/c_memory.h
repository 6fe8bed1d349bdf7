/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The C heap of a process: which allocator it is, and where its bytes are. Numbers are bytes;
 * UINT64_MAX is unknown. "Used" is what mallinfo2() calls used: with it come the chunks that
 * threads keep in their tcache, which tcache_bytes tells apart, and the arenas' own headers.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum c_allocator {
	C_ALLOCATOR_UNKNOWN,
	C_ALLOCATOR_NONE,	/* no C library is in the process */
	C_ALLOCATOR_GLIBC,
	C_ALLOCATOR_MUSL,
	C_ALLOCATOR_JEMALLOC,
	C_ALLOCATOR_TCMALLOC,
	C_ALLOCATOR_MIMALLOC,
	C_ALLOCATOR_SANITIZER,
};
/* "glibc"; NULL for C_ALLOCATOR_UNKNOWN. */
const char *c_allocator_name(enum c_allocator a);

/* What the numbers of an arena were made of; better ones first. */
enum c_arena_how {
	C_ARENA_WALKED,		/* every chunk's header was seen */
	C_ARENA_LISTED,		/* every free chunk was, by the bins; the rest is used */
	C_ARENA_PARTLY,		/* the walk ended early: the rest is in unknown_bytes */
	C_ARENA_UNREAD,		/* all of it is in unknown_bytes */
};

struct c_arena {
	uint64_t addr;		/* of its malloc_state */
	bool is_main;
	uint32_t threads;	/* that use it, as it says itself */
	uint32_t n_heaps;	/* pieces of memory */
	enum c_arena_how how;
	uint64_t system_bytes;	/* that it has of the kernel: the sum of the next five */
	uint64_t used_bytes, free_bytes, fastbin_bytes, top_bytes, unknown_bytes;
	uint64_t tcache_bytes;	/* part of used_bytes */
	uint64_t free_chunks, fastbin_chunks, used_chunks, largest_free_bytes;
	/* Whole free pages, the main arena's top with them: what malloc_trim(0) gives back. */
	uint64_t trimmable_bytes;
	/* Of free and fastbins: between chunks in use, in no whole free page. */
	uint64_t fragmented_bytes;
};

struct c_memory {
	enum c_allocator allocator;
	const char *version;	/* "2.36"; NULL unknown */
	const char *evidence;	/* the file or the symbol that it was known by; NULL none */
	bool counted;		/* the numbers below are known; else notes say why not */
	const struct c_arena *arenas;	/* the main one first */
	size_t n_arenas;
	/* Sums over the arenas; tcache_bytes is unknown unless it is so of every arena. */
	uint64_t system_bytes, used_bytes, free_bytes, fastbin_bytes, top_bytes, unknown_bytes;
	uint64_t tcache_bytes, trimmable_bytes, fragmented_bytes;
	/* Chunks with a mapping of their own, as the allocator counts them. */
	uint64_t mmapped_bytes, mmapped_chunks;
	uint64_t mmapped_found_bytes;	/* of these: what was found, and is in the ranges */
	/* The ranges hold each page's sums, not each chunk's place in it: there were too many. */
	bool ranges_by_page;
	uint64_t bytes_read, reads;	/* what it cost */
	uint64_t torn;			/* reads that were done again, since the process went on */
	const char *notes[8];	/* what is not known and why, in sentences */
	size_t n_notes;
};
