/* SPDX-License-Identifier: Apache-2.0 */
/* The chunks of an arena's fastbins: their headers say that they are in use. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "native/glibc_arena.h"

/* How the fastbins' pointers are stored: PROTECT_PTR() came with glibc 2.32. */
enum glibc_linking { GLIBC_LINKS_UNKNOWN, GLIBC_LINKS_PLAIN, GLIBC_LINKS_SAFE };

struct glibc_fastbins {
	enum glibc_linking linking;	/* UNKNOWN: the first pointer tells, and that is kept */
	uint64_t left;		/* chunks that may be followed yet */
	uint64_t misses_left;	/* reads of s->cache that may miss it yet */
	bool torn;		/* a chain ended in what is no chunk; the rest stands */
	uint32_t cut;		/* a bit for each bin that was not followed to its end */
};

/*
 * Calls visit for each chunk, in no order. visit may return -ENOSPC, then that bin is cut. Sets torn and cut. -ESRCH, -EPERM, -ENOMEM.
 */
int glibc_fastbins_each(const struct glibc_source *s, const struct glibc_arena *av,
			struct glibc_fastbins *f,
			int (*visit)(void *arg, uint64_t chunk, uint64_t bytes), void *arg);

/* May be in a bin that was cut: of its size, and with a word that leads to a next one. */
bool glibc_fastbins_doubt(const struct glibc_fastbins *f, const struct glibc_arena *av,
			  uint64_t chunk, uint64_t bytes, uint64_t stored_fd);

/* Those chunks as a set: a bit for each place of an arena. All zeroes: the empty one. */
struct glibc_fast_set {
	uint8_t *bits;
	uint64_t *first_bit;	/* of each piece of the arena's memory */
	const struct glibc_arena *av;
};

/* av must outlive it. Errors as glibc_fastbins_each(). */
int glibc_fast_set_read(const struct glibc_source *s, const struct glibc_arena *av,
			struct glibc_fastbins *f, struct glibc_fast_set *ret);
void glibc_fast_set_done(struct glibc_fast_set *set);
/* For a chunk in the arena's memory. */
bool glibc_fast_set_has(const struct glibc_fast_set *set, uint64_t chunk);
