/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a heavier look at one process of the node found: leaks searched for, memory told apart. Kept
 * until the next one. Plain values in one arena; strings are raw bytes of the target.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "model/memory.h"
#include "model/snapshot.h"

/* Goroutines that can never run again, by one grade of that statement. */
struct examined_leaks {
	uint64_t goroutines;
	int64_t bytes;		/* of stacks, and of the heap where that is known; WAIT_UNKNOWN */
};

struct examined {
	struct arena *arena;	/* owns all below, and this */
	struct timespec time;	/* wall clock */
	double elapsed_s;	/* of the node's look that it belongs to */
	double cpu_ms;		/* what it cost */
	const char *reason;	/* why it was made: "growth", "leak search due", "asked for" */
	bool leaks_known;	/* the three below are facts, also when 0 */
	struct examined_leaks proven, likely, suspect;
	const struct finding *findings;	/* most severe first; groups are FINDING_NO_GROUP */
	uint32_t n_findings;
	uint64_t rss_bytes;	/* that the parts sum to; 0 unknown */
	uint64_t part[MEMORY_PARTS];	/* MEMORY_UNKNOWN: not told apart */
};

/* With its arena; nothing is known yet. NULL when memory is short. */
struct examined *examined_new(void);
/* Accepts NULL. */
void examined_free(struct examined *e);
DEFINE_CLEANUP(struct examined, examined_free)
