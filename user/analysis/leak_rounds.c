// SPDX-License-Identifier: Apache-2.0
#include "analysis/leak_rounds.h"

#include <stddef.h>

static bool moves_too_fast(const struct leak_rounds *r)
{
	return r->fast * 2 > r->rounds;
}

static bool is_enough(const struct leak_rounds *r)
{
	return r->rounds >= LEAK_ROUNDS_MIN && r->quiet >= LEAK_ROUNDS_QUIET;
}

bool leak_rounds_done(const struct leak_rounds *r)
{
	return r->limit != LEAK_LIMIT_NONE || !r->left || is_enough(r) || moves_too_fast(r) ||
	       r->failed > LEAK_ROUNDS_FAILED;
}

enum verdict leak_rounds_grade(const struct leak_rounds *r, const char **why_not)
{
	static const char *const limits[] = {
		[LEAK_LIMIT_TIME] = "the heap takes too long to read as often as it takes to be sure",
		[LEAK_LIMIT_PASSES] = "passes went on clearing goroutines until there had been too many",
		[LEAK_LIMIT_COST] = "to look often enough takes more than a second; --leaks does it",
	};

	*why_not = NULL;
	if (!r->left)
		return VERDICT_OK;
	if (moves_too_fast(r))
		*why_not = "the heap changes faster than it can be read; --prove stops the process";
	else if (r->failed > LEAK_ROUNDS_FAILED)
		*why_not = "some of what may hold them could not be read";
	else if (!is_enough(r))
		*why_not = limits[r->limit];
	return *why_not || !is_enough(r) ? VERDICT_SUSPECT : VERDICT_LIKELY;
}
