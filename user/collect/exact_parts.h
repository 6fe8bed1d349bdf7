/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of collect/exact_pass share. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "base/mem.h"
#include "goruntime/heap.h"
#include "target/maps.h"
#include "target/mem_frozen.h"
#include "target/stopper.h"

struct subject;

struct exact_ranges {
	struct frozen_range *all;
	size_t n, room;
	uint64_t bytes;		/* overlaps counted twice */
};

/* -ENOMEM. */
int exact_ranges_add(struct exact_ranges *r, uint64_t start, uint64_t end);
/* Ascending, and what touches made one. */
void exact_ranges_join(struct exact_ranges *r);
void exact_ranges_done(struct exact_ranges *r);

/* What a search reads of the heap, as it is now: go_heap_footprint(). */
int exact_plan_heap(struct go_heap *heap, struct exact_ranges *ret, struct diag *d);
/* The binaries' variables: writable mappings of files, and the anonymous memory right behind. */
int exact_plan_variables(const struct maps *maps, struct exact_ranges *ret);
/* Mappings of files that nobody writes to: types, masks, code. Ascending. */
int exact_plan_constants(const struct maps *maps, struct exact_ranges *ret);
/*
 * Objects without pointers that goroutines wait on, as channels of numbers are: their pages. What
 * is missed here leaves a goroutine unjudged.
 */
int exact_plan_waits(struct go_runtime *rt, struct exact_ranges *ret, struct diag *d);

/* Bytes of the heap that are not in the plan, which is joined: what came into being since. */
int exact_plan_growth(const struct go_heap *heap, struct exact_ranges *plan, uint64_t *ret,
		      struct diag *d);

/*
 * What is no loss when it was not copied, for it was never asked in earnest: someone takes a
 * number, or what a free object has left, for a pointer. Outside of all mappings, before the pause
 * or after it; and what of the heap's arenas is in no span, or in one whose objects hold no
 * pointers. Both add to ret, in no order.
 */
int exact_without_mappings(const struct subject *subject, struct exact_ranges *ret, struct diag *d);
int exact_without_pointers(struct go_heap *frozen, struct exact_ranges *ret, struct diag *d);

struct exact_words {
	uint64_t *all;
	size_t n, room;
};

/* -ENOMEM. */
int exact_words_add(struct exact_words *w, const uint64_t *words, size_t n);

/*
 * Of the registers of all threads, which stand first in w, leaves those of threads that work: of one
 * that rests (go_roots_resting()) they are old values, which would only keep alive what nobody uses.
 * heap: of the stopped process. Errors of go_roots_resting(); -ENOMEM.
 */
int exact_words_of_working(struct exact_words *w, const struct stopped_registers *regs,
			   const struct subject *subject, struct go_heap *heap, struct diag *d);

/*
 * A thread that handles a signal on a stack for signals: its own registers are the handler's, those
 * of what was interrupted lie in the kernel's frame there. All words of that stack in use are
 * added, and *ret_sp is the stack pointer that was interrupted; 0 it handles none.
 */
int exact_signal_frame(struct mem *m, const struct stopped_thread *t, struct exact_words *words,
		       uint64_t *ret_sp);
