/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One pass over a Go runtime, running or stopped: every goroutine, every pointer of the heap, all
 * roots, and from them which blocked goroutines nothing alive can reach. Over a stopped process the
 * answer is exact; over a running one it is one look of several (collect/leaks.h).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "goruntime/heap.h"
#include "goruntime/object_graph.h"

struct reach_source {
	struct go_runtime *rt;	/* live or frozen; what it reads from tells */
	struct go_heap *heap;	/* opened for this pass: its spans are read once */
	struct arena *arena;	/* for why_not; outlives the pass */
	uint64_t max_bytes;	/* of our memory; 0: LIMIT_GRAPH_BYTES */
	/* Further roots: registers of a stopped process; what earlier passes found held. */
	const uint64_t *words;
	size_t n_words;
	/*
	 * Stack pointers of all threads, of a stopped process: of a goroutine that runs at one of them
	 * the stack counts from there on. Without, and of others that run, from end to end.
	 */
	const uint64_t *sps;
	size_t n_sps;
	bool stopped;		/* nothing moves: each thing is read once */
};

/* A goroutine that is blocked in a way that can be judged, and was found so before and after. */
struct reach_parked {
	uint64_t goid, park;	/* go_park_id() */
	uint64_t g_addr;
	uint64_t stack_bytes;
	uint32_t site;		/* in reach_pass.sites */
	uint8_t reason;		/* its wait reason's number */
	bool dead;		/* nothing alive reaches what it waits on */
	bool forever;		/* a nil channel, select {}: dead by its wait reason, without a pass */
	uint32_t first_wait, n_waits;	/* for reach_pass_waits() */
};

struct reach_site {
	uint64_t pcs_hash;	/* go_stack_hash() */
	uint64_t dead;		/* goroutines; the bytes are theirs */
	uint64_t stack_bytes, heap_bytes;
};

struct reach_pass {
	struct object_graph *graph;
	uint64_t *reached;		/* a bit a node: alive; NULL when the pass says nothing */
	struct reach_parked *parked;	/* ascending by goid */
	uint32_t n_parked;
	struct reach_site *sites;
	uint32_t n_sites;
	uint64_t dead;			/* of parked, those of `forever` among them */
	uint64_t heap_bytes;		/* of all sites */
	uint64_t scanned_bytes;		/* of heap that holds pointers */
	uint64_t goroutines;		/* all that were seen */
	uint64_t changed;		/* ran, were born or moved on while the pass took place */
	uint64_t late_spans;		/* came into being meanwhile: each word of their objects is a root */
	uint64_t bytes;			/* of our memory, at most at once */
	uint64_t *waits;		/* all addresses that somebody waits on */
	uint32_t n_waits;
	/* NULL; else why nobody but those of `forever` is called dead: a sentence. */
	const char *why_not;
};

/*
 * Takes one. What cannot be read is no error: why_not says so. -ESRCH, -EPERM, -ENOMEM, and errors
 * of reading that leave no goroutines at all.
 */
int reach_pass_take(const struct reach_source *src, struct reach_pass **ret, struct diag *d);
void reach_pass_free(struct reach_pass *p);
DEFINE_CLEANUP(struct reach_pass, reach_pass_free)

/*
 * The addresses that parked[i] waits on: channels, semaphores, a notifyList. 0 of them when they are
 * not known or it is `forever`. They lie in the pass.
 */
const uint64_t *reach_pass_waits(const struct reach_pass *p, uint32_t i, uint32_t *n);
