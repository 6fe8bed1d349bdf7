/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who had the address space that is still there: a book of ranges by address, each with the site
 * that it came from and the look that it was first known at. An address has one owner, the latest.
 * A site grows when (window.h)
 *   - it has MAPPINGS_MIN_BYTES more than at the window's first look,
 *   - that rose in each third of the window, and just now,
 *   - and what it had in the window's middle is still there;
 * and for three looks after that, unless something was given back.
 * So what is given back, what fills up and what was had at once is not called growth. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/cleanup.h"

#define MAPPINGS_MIN_BYTES (1u << 20)

struct mappings;

/* NULL when memory is short. */
struct mappings *mappings_new(void);
void mappings_free(struct mappings *m);
DEFINE_CLEANUP(struct mappings, mappings_free)

/*
 * From now until the next mappings_look(), in the order in which things happened. An address beyond
 * 2^63 and ranges that end below their start are no one's. -ENOSPC: the book is full, which
 * mappings_lost() counts; -ENOMEM.
 */
int mappings_add(struct mappings *m, uint64_t addr, uint64_t bytes, uint64_t site);
/* The same for what of it has no owner yet. */
int mappings_fill(struct mappings *m, uint64_t addr, uint64_t bytes, uint64_t site);
/* Takes the owners of [from, from + bytes) to another place, with their ages. */
int mappings_move(struct mappings *m, uint64_t from, uint64_t bytes, uint64_t to);
/* It was given back. */
int mappings_cut(struct mappings *m, uint64_t addr, uint64_t bytes);

struct address_range {
	uint64_t start, end;
};

/* What there is, ascending, from outside: what lies in none of these was given back unseen. */
int mappings_verify(struct mappings *m, const struct address_range *all, size_t n);

struct mapped_site {
	uint64_t site;
	uint64_t bytes, calls;	/* that are there */
	bool grows;
	/* Of the window; window_s 0: too few looks. */
	double window_s, bytes_per_min;
	uint64_t grown;		/* bytes in it */
	uint64_t then, stayed;	/* bytes that were there age_s ago, and of those still are */
	double age_s;
};

/*
 * Ends this look, at now_s. seen: since so many looks ago all that happened was told; a window that
 * begins there is judged first, for unseen times look like a pause. Growing sites first, then most
 * bytes. -ENOMEM.
 */
int mappings_look(struct mappings *m, double now_s, uint32_t seen, struct arena *a,
		  struct mapped_site **ret, size_t *n);

uint64_t mappings_lost(const struct mappings *m);
