/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which sites of C allocations are never seen to be freed. Pure: survivors, their ends and what
 * watchpoints saw in, sites out. Such a site is a *candidate*: what lives longer than we watch looks
 * the same, and what is freed unseen and not used again may look so too. It is *suspect* when some
 * of its survivors, chosen at random, were watched by the processor, and nothing touched them, as
 * any use of them would, and free() itself.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "model/traced_mallocs.h"

struct malloc_book;

/* Fewer survivors of age than this make no candidate: one may be anything. */
enum { MALLOC_CANDIDATE_MIN = 3 };

/*
 * What a site must have of those to be suspect, and how long each is watched, at least: longer than
 * the half minute that many things are kept for, and 35 s when a look comes every five.
 */
enum { MALLOC_WATCHED_MIN = 3 };
#define MALLOC_WATCH_NS 32000000000u
/* One of them at least must be older than this: a minute is another time that things are kept for. */
#define MALLOC_OLD_NS 65000000000u
/* Younger ones may still be in their first use: that tells nothing of what comes after it. */
#define MALLOC_YOUNG_NS 10000000000u

struct malloc_site {
	uint64_t site;		/* as given to malloc_book_add() */
	uint64_t survivors;	/* ever */
	uint64_t gone;		/* of those, seen to go */
	uint64_t here, here_bytes;	/* of those, there as far as one can see */
	uint64_t aged, aged_bytes;	/* of those here, of the age that was asked for */
	uint64_t oldest_ns;	/* age of the oldest that is here; 0 none */
	uint64_t rewritten;	/* ever, whose contents changed when they were of age */
	uint64_t touched;	/* ever, that a watchpoint saw touched when they were of age */
	uint64_t untouched;	/* ever, that were watched and nobody came */
	uint64_t watching;	/* are watched now */
	uint64_t watched_ns;	/* the shortest time of those */
	/* Of the bytes of the aged survivors of all sites that are not in use, 0 to 1: with the
	 * growth of the heap as seen from outside, the site's rate. Uncertain while `aged` is
	 * small: print that beside it. 0 for one that is in use. */
	double share;
	bool in_use;		/* one was seen to go, to change or to be touched: healthy */
	bool candidate;		/* not in use, and enough of age */
	bool suspect;		/* and enough of them were watched, and one is old */
};

/* NULL when memory is short. */
struct malloc_book *malloc_book_new(void);
void malloc_book_free(struct malloc_book *b);
DEFINE_CLEANUP(struct malloc_book, malloc_book_free)

/*
 * A survivor of `site` (any number that equal stacks have in common, not 0). -ENOMEM; -ENOSPC: too
 * many sites or survivors, this one is left out.
 */
int malloc_book_add(struct malloc_book *b, uint64_t site, const struct traced_malloc_survivor *s);
/* What became of one. An id that is not in the book is ignored. */
void malloc_book_end(struct malloc_book *b, const struct traced_malloc_end *e);

/* So many are here of a site that is in use: of more there is nothing to be learnt. */
bool malloc_book_full(const struct malloc_book *b, uint64_t site);

/* --- Which survivors to watch --- */

struct malloc_pick {
	uint64_t id, site, addr, header, print, at_ns;
};

/*
 * One that is worth a watchpoint now, of those sites that are not in use and of which the least is
 * known, the largest first; `random` is any 64 random bits. It is not picked again. False: none.
 */
bool malloc_book_pick(struct malloc_book *b, uint64_t now_ns, uint64_t random,
		      struct malloc_pick *ret);

enum malloc_watch {
	MALLOC_WATCH_ON,	/* it goes on */
	MALLOC_WATCH_UNTOUCHED,
	MALLOC_WATCH_TOUCHED,
	MALLOC_WATCH_STALE,	/* the heap says that it is another's, or nobody's */
	MALLOC_WATCH_NOTHING,	/* it tells nothing */
};
/* By when it was watched from, and touched (0: never). */
enum malloc_watch malloc_watch_judge(const struct malloc_pick *p, uint64_t set_ns,
				     uint64_t touched_ns, uint64_t now_ns);
/* The end of it; watched_ns: for so long. */
void malloc_book_watched(struct malloc_book *b, uint64_t site, enum malloc_watch how,
			 uint64_t watched_ns);

/*
 * All sites with a survivor that is or was here, into the arena: suspects first, then
 * candidates, then by bytes of age. now_ns is CLOCK_MONOTONIC; a survivor is of age after
 * min_age_ns. 0 or -ENOMEM.
 */
int malloc_book_sites(const struct malloc_book *b, uint64_t now_ns, uint64_t min_age_ns,
		      struct arena *a, struct malloc_site **ret, size_t *n);
