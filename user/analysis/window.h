/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Does what was counted at several looks rise from the first to the last of them, and does what
 * came stay? The rule behind all growth that loiter judges: goroutines, RSS, mappings. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Of what came, the part that must still be there. */
#define WINDOW_STAY 0.8

/* n steps: n looks, and now. */
struct window {
	const double *t;	/* seconds, ascending */
	const uint64_t *c;	/* counts */
	uint32_t n;
	double now_s;
	uint64_t now;
	/* Of those of the first look, and of the one in the middle: how many are there still. */
	uint64_t stayed_start, stayed_mid, same_park_mid;
};

/* The index n means now. */
double window_count(const struct window *w, uint32_t i);

/* A second, from one step to another. */
double window_rate(const struct window *w, uint32_t from, uint32_t to);

/*
 * It rose in each third, in the last not much more slowly than before, and just now too: no burst,
 * and nothing that fills up.
 */
bool window_goes_on(const struct window *w);

/* Who was there in the middle is there still: both of all, and of those who had come by then. */
bool window_stays(const struct window *w);
