/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names for the stacks that memory comes from. The kernel counts by a walk by frame pointers, which
 * may see one stack where C code has several; samples tell those apart. What is learnt of a site is
 * kept for as long as the process is watched.
 */
#pragma once

#include "base/cleanup.h"
#include "collect/mixed_stack.h"
#include "model/activity.h"
#include "model/traced_memory.h"

struct memory_stacks;

struct memory_stack {
	uint64_t id;
	enum traced_memory_kind kind;	/* of the first call that came from there */
	enum memory_origin origin;
	struct stack stack;		/* as long as the memory_stacks */
	struct traced_bytes had;	/* that it asked for, in all intervals; not of faults */
};

/* What source points to outlives it. NULL: memory is short. */
struct memory_stacks *memory_stacks_new(const struct mixed_source *source);
void memory_stacks_free(struct memory_stacks *s);
DEFINE_CLEANUP(struct memory_stacks, memory_stacks_free)

/* Takes what an interval's samples tell; to be called before what follows. -ENOMEM. */
int memory_stacks_learn(struct memory_stacks *s, const struct traced_memory *t);

/*
 * The stack of memory that was had at addr by a call of that site, or as likely as can be; 0:
 * nothing is known of it.
 */
uint64_t memory_stacks_of(struct memory_stacks *s, enum traced_memory_kind kind, uint64_t site,
			  uint64_t addr);

/* NULL: none has that id. */
const struct memory_stack *memory_stacks_get(const struct memory_stacks *s, uint64_t id);

/* The interval's sites of growing kinds and faults, most bytes first, at most max. -ENOMEM. */
int memory_stacks_sites(struct memory_stacks *s, const struct traced_memory *t, uint32_t max,
			struct arena *a, const struct memory_site **ret, uint32_t *n);
