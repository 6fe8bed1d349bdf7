/* SPDX-License-Identifier: Apache-2.0 */
/* Which lines of a log are too many: each kind of event has so many in a window of time. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Kinds that are told apart; the last place is for all that come later. */
enum { LOG_KINDS = 64 };

struct log_kind {
	const char *event;	/* a literal; NULL: free */
	double since_s;		/* its window began */
	uint32_t said;		/* in that window */
	uint64_t left_out;	/* and not told of yet */
};

struct log_rate {
	uint32_t burst;
	double window_s;
	struct log_kind kinds[LOG_KINDS];
};

/* May this one be said? Then *ret_left_out is how many before it were not, which it now tells. */
bool log_rate_allows(struct log_rate *r, const char *event, double now_s, uint64_t *ret_left_out);

/* A kind whose window is over, with some left out that nobody told of; they count as told now. */
const char *log_rate_overdue(struct log_rate *r, double now_s, uint64_t *ret_left_out);
