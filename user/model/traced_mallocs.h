/* SPDX-License-Identifier: Apache-2.0 */
/*
 * C allocations of a process, seen in bursts. What was allocated well before the end of a burst and
 * not freed within it is a survivor; later bursts, and a look at the heap, tell of some survivors
 * that they are gone. That one is *not* gone proves nothing: its address may have been freed and
 * taken over unseen.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "model/stack_copy.h"

struct traced_malloc_survivor {
	uint64_t id;		/* of the fates; never given out twice */
	uint64_t addr;
	uint64_t header;	/* the chunk's size word, with its flags */
	uint64_t bytes;		/* of the chunk, header included */
	uint64_t print;		/* of its first bytes, soon after the burst; 0: not known */
	uint64_t at_ns;		/* CLOCK_MONOTONIC */
	pid_t tid;		/* in the first pid namespace */
	struct stack_copy stack;	/* at the return from malloc(): the pc is in its caller */
	uint64_t goid;		/* of the goroutine that called C; 0: none, or not known */
	const uint64_t *go_pcs;	/* of that goroutine, innermost first, from where it left Go */
	size_t n_go_pcs;
};

enum traced_malloc_fate {
	TRACED_MALLOC_FREED,	/* free() or realloc() was seen */
	TRACED_MALLOC_REUSED,	/* its address was handed out again */
	TRACED_MALLOC_CHANGED,	/* the heap no longer has it as an allocated chunk of that size */
	TRACED_MALLOC_FORGOTTEN,	/* there were too many to follow: nothing more will be known */
	TRACED_MALLOC_REWRITTEN,	/* of age, and its contents have changed: in use, or another's */
	/*
	 * No end: its contents changed in its first ten seconds, or are not known. It was still
	 * being filled in, or has a new owner; it is followed with those that it has now.
	 */
	TRACED_MALLOC_UNSURE,
};

struct traced_malloc_end {
	uint64_t id;
	enum traced_malloc_fate fate;
};

struct traced_mallocs {
	unsigned int bursts;		/* that ended since the last call */
	uint64_t armed_ns;		/* how long they were armed, together */
	uint64_t attached_ns;		/* how long probes were in place, together: what it cost is of this */
	uint64_t entry_hits, return_hits;	/* traps while armed */
	uint64_t outside;		/* traps while the probes went on or off */
	uint64_t allocs, bytes, frees;	/* while armed; realloc() is one of each */
	uint64_t sampled;		/* allocations that were followed within their burst */
	uint64_t short_lived;		/* of those, freed within it */
	uint64_t young;			/* of those, too near its end to tell: in no list */
	struct traced_malloc_survivor *survivors;
	size_t n_survivors;
	struct traced_malloc_end *ends;	/* of survivors of this and earlier calls */
	size_t n_ends;
	size_t followed;		/* survivors that are still there as far as we can see */
	uint64_t lost;			/* allocations to be sampled, and survivors, without a place */
	uint64_t unreadable;		/* allocations without a header */
};
