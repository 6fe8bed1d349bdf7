/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goroutines that are in one C call for as long as we look, each on a thread of its own, although
 * their number does not grow: they came before us. Pure.
 *
 * Some threads in C are normal: loops of a library, one or two for each CPU, workers that come back
 * with a result. What is not: more of them than that, none of which comes back.
 */
#pragma once

#include "model/interval.h"

enum {
	/* At one site, at least: below, a pool of connections or devices is as good a reason. */
	HELD_MIN = 64,
	/* And more than so many for each CPU: what works in C is sized by these. */
	HELD_PER_CPU = 2,
	/* A call of a second is work, also when many make it at once. */
	HELD_MIN_S = 10,
};

/* An earlier look: who was at the site then, and who of these is there, and in that very call. */
struct held_mark {
	double age_s;
	uint64_t then, stayed, same_park;
};

/*
 * Fills held and cohort of the site, which is of i's next snapshot s, by the oldest mark that nearly
 * all of its goroutines have been in one call since. i: threads and cpus are known.
 */
bool held_judge(const struct snapshot *s, const struct interval *i, const struct held_mark *marks,
		uint32_t n, struct site *site);
