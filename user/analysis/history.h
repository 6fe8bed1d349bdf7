/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counts at the looks so far, for window.h: the last looks one by one, and more coarsely all of
 * them, so that quick and slow growth are both seen. One history of times serves many series. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "analysis/window.h"

enum {
	HISTORY_RECENT = 24,	/* looks of the recent window, besides the one that it ends with */
	HISTORY_WHOLE = 48,	/* of the whole run's: when full, every other one is dropped */
	HISTORY_LOOKS = 5,	/* fewer looks before the last say nothing */
};

/* All zero at first, as is a series. */
struct history {
	double recent_s[HISTORY_RECENT], whole_s[HISTORY_WHOLE];
	uint32_t recent_look[HISTORY_RECENT], whole_look[HISTORY_WHOLE];	/* their numbers */
	uint32_t n_recent, n_whole;
	uint32_t looks, stride;
};

/* What was counted of one thing; zero at looks before it was first met. */
struct series {
	uint64_t recent[HISTORY_RECENT], whole[HISTORY_WHOLE];
};

/* Without stayed_*, which the caller fills in. */
struct window history_recent(const struct history *h, const struct series *s, double now_s,
			     uint64_t now);
struct window history_whole(const struct history *h, const struct series *s, double now_s,
			    uint64_t now);

/*
 * The recent window begins anew, with the last `keep` looks: what rises since then is not measured
 * against a long time before. Each series first, then once the looks themselves.
 */
void history_cut_series(const struct history *h, struct series *s, uint32_t keep);
void history_cut(struct history *h, uint32_t keep);

/* Is `now` more than at any look of the recent window, by `by` or more? False without one. */
bool history_is_peak(const struct history *h, const struct series *s, uint64_t now, uint64_t by);

/* This look's count, for each series once, and then once the look itself. */
void history_put(const struct history *h, struct series *s, uint64_t count);
void history_next(struct history *h, double now_s);
