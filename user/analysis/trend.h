/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Does a figure of a process (RSS, threads) only ever grow? As growth.h judges goroutines, but for
 * what has no names: nobody can tell whether those who came are those who stay. So it must rise in
 * each third of a window, in the last not much more slowly than before, and just now; and nothing
 * may be given back on the way: the last third's lowest lies above the first one's highest, and
 * what it is now is the most that it was. A burst, a pool and a cache come to an end; what a
 * collector frees from time to time falls.
 *
 * Two windows: the last looks, and more coarsely all of them. Pure: no clock, no I/O.
 */
#pragma once

#include "base/cleanup.h"
#include "model/trend.h"

/* What must be there before a figure may be said to grow. */
struct trend_rule {
	uint32_t looks;		/* after the first */
	uint64_t least;		/* that it must rise by in the window */
	double share;		/* and that, as a share of what it was */
};

/* Threads as goroutines are; memory is had for many reasons, and in steps. */
extern const struct trend_rule trend_of_threads;
extern const struct trend_rule trend_of_rss;

struct trend_history;

/* Some 1.5 KiB. NULL when memory is short. */
struct trend_history *trend_new(const struct trend_rule *rule);
void trend_free(struct trend_history *h);
DEFINE_CLEANUP(struct trend_history, trend_free)

/*
 * The values of the recent window, oldest first, and how many: who feeds trend_add() with them has a
 * history as this one, but for what lies further back.
 */
enum { TREND_VALUES = 24 };
uint32_t trend_values(const struct trend_history *h, double at_s[TREND_VALUES],
		      uint64_t values[TREND_VALUES]);

/*
 * The recent window begins anew with the last two looks, for whoever looks seldom and has just seen
 * it begin to rise: against a long level time before, that would be seen late.
 */
void trend_focus(struct trend_history *h);

/* One look: the value at elapsed_s, which only ever rises. */
void trend_add(struct trend_history *h, double elapsed_s, uint64_t value, struct trend *ret);
