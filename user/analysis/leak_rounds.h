/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When passes over a running process are enough, and what may be said then. Each round is a pass
 * (which blocked goroutines does nothing alive reach?) and a search for any holder of what they wait
 * on; whoever is reached or held once is out of it for good. Those that are left are likely to be
 * dead when enough rounds in a row found nothing any more, over a heap that could be read in the time
 * in which it changes.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "model/goroutine.h"

enum leak_limit {
	LEAK_LIMIT_NONE,
	LEAK_LIMIT_TIME,
	LEAK_LIMIT_PASSES,
	LEAK_LIMIT_COST,	/* more would take longer than what is done unasked */
};

struct leak_rounds {
	uint32_t rounds;	/* whole ones: a pass and a search */
	uint32_t quiet;		/* the last ones of them that put nobody out */
	uint64_t left;		/* goroutines that no round has reached or found held */
	uint32_t fast;		/* rounds in which much of the heap was new when it had been read */
	uint32_t failed;	/* besides: those that could not read all that matters */
	enum leak_limit limit;	/* that was met */
};

/*
 * Rounds, and of these the last ones that must put nobody out. A reference that moves often and
 * leaves no copy is missed by one look with a probability of 1/e at most, wherever it moves, as each
 * place is read once: by the two looks of each round, and the pass that ends them, 1 in 400,000.
 * Measured by scripts/bench adversary's program at 2 GB: passes alone called living ones dead up to
 * the tenth, with the search nobody was after the second or third round.
 */
#define LEAK_ROUNDS_MIN 6
#define LEAK_ROUNDS_QUIET 4
/* A heap of which more than this came into being while it was read moves faster than we can. */
#define LEAK_FRESH_MAX 0.33
/* Rounds that may fail. */
#define LEAK_ROUNDS_FAILED 6

/* Is there anything to be had from another round? */
bool leak_rounds_done(const struct leak_rounds *r);

/*
 * VERDICT_LIKELY, or VERDICT_SUSPECT with a sentence in *why_not; VERDICT_OK when nobody is left.
 * The sentence is a constant.
 */
enum verdict leak_rounds_grade(const struct leak_rounds *r, const char **why_not);
