/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the account of a process's memory says: what looks like a leak and is none (heap that was
 * freed and is not returned yet, room that GOGC leaves, stacks that were deep once), what nobody
 * can explain, and, from two looks, what grew. One look never calls memory a leak. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "model/snapshot.h"

/* A number that is not known. Not 0, which is one. */
#define LOOK_UNKNOWN INT64_MIN

struct memory_holder {
	const char *variable;	/* "main.cache" */
	int64_t bytes;
	const char *path;	/* "main.cache -> map -> []uint8", or NULL */
};

/*
 * One look, in bytes where nothing else is said; each may be LOOK_UNKNOWN. The first block is of
 * resident memory, and its names are those of memory.parts in the JSON.
 */
struct memory_look {
	int64_t rss;
	int64_t go_heap_live, go_heap_free, go_heap_lazyfree, go_stacks;
	int64_t c_heap_used, c_heap_free, c_mmap, thread_stacks, unexplained;
	/* Go's own numbers, as runtime.MemStats and debug.SetGCPercent() have them. */
	int64_t heap_alloc, heap_inuse, heap_idle, heap_released, stack_inuse, next_gc;
	int64_t heap_marked;	/* found alive by the last collection */
	int64_t gogc;		/* negative: off */
	int64_t memory_limit;	/* INT64_MAX: none */
	int64_t num_gc, last_gc_age_ns;
	/* The C library's: all that it has, resident or not. */
	int64_t c_in_use, c_free, c_arenas, c_mmapped;
	int64_t c_trimmable;	/* of c_free: whole pages, which malloc_trim() gives back */
	int64_t c_fragmented;	/* of c_free: between blocks in use, in no whole page */
	int64_t goroutines, threads;	/* numbers of them */
	const struct memory_holder *holders;	/* most bytes first */
	uint32_t n_holders;
	int64_t other_held;	/* reached from what is not listed */
	int64_t held_by_leaks;	/* reachable from leaked goroutines alone */
	enum verdict leaks;	/* how sure it is that they are */
	const struct group *stack_group;	/* whose stacks are the largest together; or NULL */
	const char *module;		/* of the program; or NULL */
};

/* All unknown. */
struct memory_look memory_look_unknown(void);

/* What a snapshot says, its ledger above all; what it points to is borrowed. -ENOMEM. */
int memory_look_of(const struct snapshot *s, struct arena *a, struct memory_look *ret);

struct memory_growth_source {
	const struct memory_look *before, *after;
	double seconds;		/* between them */
	bool warm;		/* it had run for as long already when the first look was taken */
	const char *site;	/* where most of what the heap grew by was allocated; or NULL */
	int64_t site_bytes;
};

/*
 * Adds the findings on a snapshot's memory to it, each behind those that are as severe; groups stay
 * where they are. What has no ledger gets none. -ENOMEM.
 */
int memory_judge(struct snapshot *s);

/* Findings on one look. -ENOMEM. */
int memory_verdict(const struct memory_look *l, struct arena *a, const struct finding **ret,
		   uint32_t *n);

/*
 * Findings on what grew between two looks at one process. Two looks cannot tell a leak from what is
 * still being filled: a candidate, but for a variable that is named in a process that is warm.
 * -ENOMEM.
 */
int memory_verdict_growth(const struct memory_growth_source *s, struct arena *a,
			  const struct finding **ret, uint32_t *n);
