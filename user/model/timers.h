/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The timers of a Go runtime: what hangs in the heaps of its processors. A timer that was stopped
 * stays there for a while; up to Go 1.22, and later where GODEBUG has asynctimerchan=1, one whose
 * channel nobody looks at any more stays until it fires.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "model/goroutine.h"

enum timer_kind {
	TIMER_CHANNEL,		/* sends on a channel, once: time.After, time.NewTimer */
	TIMER_TICKER,		/* again and again: time.NewTicker, time.Tick */
	TIMER_FUNC,		/* calls a function: time.AfterFunc, context.WithTimeout */
	TIMER_SLEEP,		/* wakes a goroutine: time.Sleep */
	TIMER_DEADLINE,		/* of a descriptor of the network poller's */
	TIMER_OTHER,
	TIMER_KINDS
};

/* Where some of these timers are probably made: a call on the stack of a goroutine. */
struct timer_site {
	const char *place;	/* "main.f file.go:12", of the call of time.After or NewTimer */
	const char *call;	/* "time.After" */
	uint64_t goroutines;	/* that have the function on their stacks, or started in it */
	bool waits;		/* some of them wait on such a timer's channel right now */
	bool loop;		/* the call comes again without the program's function ending */
};

struct timer_look {
	uint64_t total;		/* in the heaps, exactly; of these some were looked at: */
	uint64_t read;		/* consistent */
	uint64_t torn;		/* changed meanwhile, or could not be read */
	/* Where not all were looked at (read + torn < total), what follows is estimated by those. */
	uint64_t stopped;	/* stopped, and to be taken out */
	uint64_t kind[TIMER_KINDS];	/* the rest */
	uint64_t waited;	/* of TIMER_CHANNEL: somebody waits on the channel now */
	uint64_t unwaited;	/* nobody does, and it holds nothing that came before */
	uint64_t unwaited_bytes;	/* timers, channels and their buffers */
	int64_t first_ns, last_ns;	/* of the unwaited: until they fire; TIME_UNKNOWN */
	int64_t span_ns;	/* between these two */
	int64_t stay_ns;	/* the last of them is there for so long, of a core at least */
	const struct timer_site *sites;	/* most probable first; looked for only in a pile */
	uint32_t n_sites;
};
