/* SPDX-License-Identifier: Apache-2.0 */
/* One figure of a process over time: RSS, threads, goroutines. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct trend {
	bool known;
	uint64_t now;
	int64_t delta;		/* since the look before; 0 in the first */
	double window_s;	/* that the rate is of; 0: not enough looks yet */
	double rate_per_min;	/* net, in that window */
	bool peak;		/* more than at any look of late, by a part of what growth takes */
	bool grows;		/* all the way through that window, and it gave nothing back */
};
