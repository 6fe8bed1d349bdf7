/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the probes on the Go scheduler counted in one span of time. Plain values with the target's
 * addresses; all arrays are in the caller's arena. A stack is named by its hash.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Frames of one stack that are kept. */
#define TRACED_FRAMES 64

/* Return addresses, innermost first. */
struct traced_stack {
	uint64_t hash;
	const uint64_t *frames;
	uint32_t n;
	bool whole;		/* it came to the goroutine's first frame */
};

/* waits[i] counts those of 2^i up to 2^(i+1) ns; the last one all that are longer. */
#define TRACED_LOG2 40

/* Goroutines that parked at one site: a stack from the caller of runtime.gopark, and a reason. */
struct traced_park {
	uint64_t stack;
	uint32_t reason;	/* the target's own number */
	uint64_t parks;
	/*
	 * The last one's object: the channel for a channel, that of the first case for a select,
	 * else the address of the lock that guards the queue. 0 none.
	 */
	uint64_t blocked_on;
	bool several;		/* others waited for another object */
	uint64_t goid;		/* of the last */
};

/* Parks that ended, whose beginning was seen as well: by their site, and by who ended them. */
struct traced_wake {
	uint64_t park_stack;
	uint32_t reason;
	uint64_t waker_stack;	/* of the goroutine that did it, or of the scheduler */
	uint64_t waker_goid;	/* the last; 0 the scheduler: a timer, most often */
	uint64_t wakes;
	uint64_t wait_ns;	/* the sum */
	uint64_t waits[TRACED_LOG2];
};

/* One go statement: goroutines that were made there, and those made there that ended. */
struct traced_go {
	uint64_t gopc, startpc;
	uint64_t births, deaths;
	uint64_t parent_stack;	/* of the last birth, from the go statement outwards; 0 none */
	bool several;		/* others were made on another stack */
	uint64_t parent_goid;	/* of the last birth */
};

enum traced_goroutine_kind { TRACED_PARK, TRACED_READY, TRACED_BIRTH, TRACED_DEATH, TRACED_KINDS };

/* One sampled event. */
struct traced_goroutine_event {
	enum traced_goroutine_kind kind;
	uint64_t time_ns;	/* CLOCK_MONOTONIC */
	uint64_t goid;		/* 0 at a birth: it has none yet */
	uint64_t other_goid;	/* the waker's (0 the scheduler), the parent's */
	uint64_t stack;		/* of who parks, wakes or makes; 0 at a death */
	uint32_t reason;
	bool reason_known;
	uint64_t blocked_on;	/* TRACED_PARK */
	uint64_t waited_ns;	/* TRACED_READY */
	uint64_t gopc, startpc;	/* gopc: TRACED_DEATH; startpc: births and deaths */
};

/* One time that the probes were on, from its beginning to its end. */
struct traced_burst {
	uint64_t armed_ns;
	uint64_t hits[TRACED_KINDS];
	uint64_t cpu_ns;	/* that the target used in it, to within some ms */
};

struct traced_goroutine {
	uint64_t armed_ns;	/* how long the probes were on, of all time since the last time */
	uint64_t hits[TRACED_KINDS];	/* in that time */
	uint64_t outside;	/* while probes were going on or off: they cost, and are not counted */
	uint64_t unmatched;	/* wakes whose park was not seen: not among the wakes below */
	uint64_t sampled;	/* events that were made */
	uint64_t lost_events;	/* of those: no room in the ring buffer */
	uint64_t lost_records;	/* hits that are in no array below */
	uint64_t lost_stacks;	/* stacks whose frames are not known */

	struct traced_park *parks;
	size_t n_parks;
	struct traced_wake *wakes;
	size_t n_wakes;
	struct traced_go *gos;
	size_t n_gos;
	struct traced_goroutine_event *events;
	size_t n_events;
	struct traced_stack *stacks;	/* ascending by hash */
	size_t n_stacks;
	struct traced_burst *bursts;	/* the last of those that ended since the last time */
	size_t n_bursts;
};

/* NULL when its frames were lost. */
const struct traced_stack *traced_stack_find(const struct traced_goroutine *t, uint64_t hash);
