/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The arenas of glibc's malloc, found by their shape: main_arena is the one struct in the C
 * library's data whose empty bins point at themselves, whose top is a chunk at the end of a page,
 * and whose ring of `next` comes back to it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/mem.h"
#include "native/glibc_layout.h"

struct maps;
struct mapping;

/* What is read from: all borrowed. */
struct glibc_source {
	struct mem *mem;
	struct mem *cache;	/* in front of it, for chains of small reads */
	const struct maps *maps;
	unsigned int *waits;	/* how often it may be waited yet; NULL: never */
};

/*
 * Lets the process go on for half a millisecond: a thread that was taken off its processor within
 * malloc() leaves things half done for as long. False when that has been done often enough.
 */
bool glibc_wait(const struct glibc_source *s);

/* struct malloc_par, as far as it matters. */
struct glibc_params {
	bool found;
	uint64_t addr;
	bool since_235;		/* which of the two layouts it has */
	uint64_t sbrk_base;	/* 0: the main arena has nothing yet */
	uint64_t hp_pagesize;
	uint64_t mmapped_bytes, mmapped_chunks;
	uint32_t tcache_count;	/* chunks that a bin of a tcache takes */
};

struct glibc_segment {
	uint64_t start;		/* with the headers before the first chunk */
	uint64_t first, end;
	bool has_top;
};

struct glibc_arena {
	uint64_t addr;
	bool is_main;
	uint64_t top, top_bytes, system_bytes;	/* top 0: it has nothing yet */
	uint64_t fastbins[ARENA_N_FASTBINS];
	uint64_t bins[ARENA_N_BINS + 1];	/* fd of each; 0: empty */
	uint32_t threads;
	struct glibc_segment *segments;		/* ascending; in the arena */
	size_t n_segments;
};

/*
 * The address of main_arena in the mappings of one file's data, and how many such there were: only
 * 1 is an answer. Negative: -ESRCH, -EPERM, -ENOMEM.
 */
int glibc_find_main(const struct glibc_source *s, const struct mapping *data, uint64_t *ret);

/* struct malloc_par in the same mapping. 0 also when it is not found. Errors as above. */
int glibc_find_params(const struct glibc_source *s, const struct mapping *data,
		      struct glibc_params *ret);
/* Again: what is mapped may have changed meanwhile. */
int glibc_read_params(const struct glibc_source *s, struct glibc_params *p);

/*
 * The addresses of all arenas, the main one first. -EBADMSG when the ring does not close within
 * LIMIT_C_ARENAS; -ESRCH, -EPERM, -ENOMEM.
 */
int glibc_ring(const struct glibc_source *s, uint64_t main_arena, struct arena *a, uint64_t **ret,
	       size_t *n);

/*
 * One arena with its pieces of memory. -EAGAIN when it stayed torn through several reads; -EBADMSG
 * when it makes no sense; -ESRCH, -EPERM, -ENOMEM.
 */
int glibc_arena_read(const struct glibc_source *s, uint64_t addr, bool is_main,
		     const struct glibc_params *p, struct arena *a, struct glibc_arena *ret);

/*
 * The pieces of an arena whose top is known; its size is filled in when it is 0. -EAGAIN torn,
 * -EBADMSG no sense, -EFAULT; -ESRCH, -EPERM, -ENOMEM.
 */
int glibc_segments(const struct glibc_source *s, struct glibc_arena *av,
		   const struct glibc_params *p, struct arena *a);

/* The piece that holds all of [addr, addr + len); NULL. */
const struct glibc_segment *glibc_segment_of(const struct glibc_arena *av, uint64_t addr,
					     uint64_t len);

/* [addr, addr + len) can be read and written. */
bool glibc_in_data(const struct glibc_source *s, uint64_t addr, uint64_t len);
/*
 * All of a mapping of a file's data: malloc'ed, and NULL when it is too large or not to be read.
 * Only where every page of it is in use anyway. Errors: glibc_fatal().
 */
int glibc_read_data(const struct glibc_source *s, const struct mapping *data, uint8_t **ret,
		    size_t *len);

/* True for what ends all reading: the process has gone, or may not be read. */
bool glibc_fatal(int err);
