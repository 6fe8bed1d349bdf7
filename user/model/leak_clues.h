/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the code around a leaked goroutine says, beyond what it waits on. Each is a fact that was
 * seen; false and NULL mean that it was not, never that it is not so.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct leak_clues {
	/* The receive or select that it is parked in comes again after it returned: a loop. */
	bool in_loop;
	/* The receive asks whether the channel is closed, as range does. */
	bool asks_closed;
	/* All channels that it waits on are fields of objects of the heap that its own stack holds. */
	bool serves;
	/* Of the function with its go statement, after that statement: */
	bool creator_selects;	/* a select that waits */
	bool creator_timer;	/* it calls time.After, NewTimer, ... */
	bool creator_context;	/* it calls context.WithTimeout, WithCancel, ... */
	bool creator_receives;	/* from a channel, outside of selects with more than one case */
	bool creator_sends;	/* likewise, or closes one */
	bool creator_returns;	/* a way leads out of it past each of these */
	const char *made_at;	/* "fetch.go:40": the only place where it makes a channel; or NULL */
	/* Of a lock: */
	bool holder_sought;
	uint64_t holder_goid;	/* the one goroutine, beside those that wait, that refers to it */
	const char *holder_site;	/* "main.f file.go:12"; NULL unknown */
};
