/* SPDX-License-Identifier: Apache-2.0 */
/* Threads of a process that came and went during an interval. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "model/stack_copy.h"

/* Lifetimes by the power of two of their nanoseconds. */
enum { TRACED_LIFETIMES = 48 };

struct traced_thread_event {
	bool born;		/* else it exited */
	pid_t tid;		/* in the first pid namespace, as all here */
	pid_t creator;		/* of a birth */
	uint64_t at_ns;		/* CLOCK_MONOTONIC */
	uint64_t born_ns;	/* of an exit; 0: it was there before we looked */
	uint64_t site;		/* traced_thread_site.id; 0 not known */
};

/*
 * A stack that threads were made from. It names who made the thread, which need not be who needs
 * it: Go's sysmon starts threads for goroutines that are stuck in C.
 */
struct traced_thread_site {
	uint64_t id;		/* the same in all intervals */
	uint64_t births;
	bool whole;		/* the walk by frame pointers came to the stack's end */
	const uint64_t *pcs;	/* innermost first: a pc, then return addresses */
	size_t n_pcs;
};

struct traced_thread_sample {
	pid_t tid;		/* 0: its end will not be seen */
	pid_t creator;
	uint64_t at_ns;
	struct stack_copy stack;	/* of the creator */
};

struct traced_thread {
	uint64_t births, exits;	/* exact, while armed */
	uint64_t forks;		/* processes that it made */
	uint64_t lifetimes[TRACED_LIFETIMES];	/* of those whose birth we saw, and followed */
	struct traced_thread_event *events;	/* oldest first */
	size_t n_events;
	struct traced_thread_site *sites;	/* most births first */
	size_t n_sites;
	struct traced_thread_sample *samples;	/* oldest first */
	size_t n_samples;
	uint64_t lost_events, lost_sites, lost_samples;
	uint64_t lost_births;	/* births that will be missing from lifetimes */
};
