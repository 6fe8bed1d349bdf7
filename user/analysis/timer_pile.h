/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Timers that nobody waits for any more and that stay until they fire: time.After in a loop, up to
 * Go 1.22. Each round of such a loop leaves one behind, so there are many of them for each goroutine,
 * and for each one that waits. Pure.
 *
 * Healthy, and not this: a timer or a few for each connection, whose goroutine waits for something
 * else meanwhile; a timeout for each request, which is gone soon; what context and AfterFunc make.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "model/snapshot.h"
#include "model/timers.h"

/* What a watch has seen of them before. */
struct timer_growth {
	double span_s;		/* since the first look; 0: there was none */
	uint64_t before;	/* nobody waited for then */
	bool goes_on;		/* all timers became more in each third of that time */
};

struct timer_pile {
	const struct timer_look *now;
	uint64_t goroutines;	/* of the program */
	int minor;		/* Go 1.minor; 0 unknown */
	const struct timer_growth *growth;	/* NULL: one look */
};

/* May it be one? Then it is worth to ask who makes them. */
bool timer_pile_possible(const struct timer_look *l, uint64_t goroutines);

/* 1 and *ret, suspect; 0 none; -ENOMEM. */
int timer_pile_judge(const struct timer_pile *p, struct arena *a, struct finding *ret);
