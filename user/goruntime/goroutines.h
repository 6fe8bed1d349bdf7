/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every goroutine of a running process, without stopping it: batches of g structs and stacks in
 * large reads, and a second look at each g that proves that the stack belongs to it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/diag.h"
#include "base/span.h"
#include "goruntime/goruntime.h"
#include "goruntime/unwind.h"
#include "model/goroutine.h"

/* One runtime.g, as it stood. */
struct go_g {
	uint64_t addr;
	uint64_t slot;			/* its index in runtime.allgs: one g keeps it for ever */
	uint64_t goid, parent_goid;	/* parent 0: none, or before Go 1.21 */
	uint64_t stack_lo, stack_hi;
	uint64_t sp, pc;		/* where the stack walk starts */
	uint64_t m, gopc, startpc;
	uint64_t waiting, labels, timer;	/* addresses of a sudog, the labels, a runtime.timer */
	uint64_t panics, defers;	/* of the innermost records of both */
	uint64_t xregs;			/* where its vector registers stand, of one stopped anywhere; or 0 */
	int64_t waitsince;
	enum go_state state;
	uint8_t waitreason;
	uint8_t tracking_seq;
	bool in_syscall;		/* sp and pc are those that entersyscall saved */
	bool locked;			/* to its thread */
	bool running_cleanups;
};

struct go_walk {
	const struct go_g *g;
	const struct walk_frame *frames;	/* innermost first; none for a running one */
	size_t n_frames;
	enum unwind_end end;
	struct span stack;	/* the bytes from g->sp on; valid during the visit */
	bool last_try;		/* there is no other look at it to ask for */
};

struct scan_stats {
	uint64_t slots;		/* g structs looked at, dead ones included */
	uint64_t read;		/* visited */
	uint64_t torn;		/* gave no consistent picture on any try: not visited */
	uint64_t retried;	/* consistent only on a further try */
	uint64_t unreadable;	/* memory was absent: not visited */
	uint64_t broken;	/* visited, but the stack walk broke off */
	uint64_t known;		/* parked as the caller knew already: not visited */
};

/* What a visit answers to a goroutine whose records contradict it: not counted, but read again. */
#define LOOK_AGAIN 1

struct scan_options {
	/*
	 * 0 or LOOK_AGAIN, or a negative errno, which ends the scan. Never called by two threads at
	 * once, but by more than one in turn when there is much to read; uses of rt->tab take
	 * rt->tab_lock.
	 */
	int (*visit)(void *arg, const struct go_walk *w);
	/*
	 * Of a goroutine that has a stack: does the caller know this very park? Then its stack is
	 * not read, and it is not visited; a stack is what costs. May be NULL. With it, all calls
	 * come from one thread: the scan asks for little.
	 */
	bool (*known)(void *arg, const struct go_g *g);
	void (*progress)(void *arg, uint64_t done, uint64_t total);	/* may be NULL */
	void *arg;
};

/*
 * Visits every goroutine that is not dead, in no particular order. One that ended while we read
 * is left out, one that was born may be missing. -ESRCH the target is gone; what visit returned.
 */
int goroutines_scan(struct go_runtime *rt, const struct scan_options *o, struct scan_stats *ret,
		    struct diag *d);
