/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the saved registers of a parked goroutine and a copy of its stack to its return addresses,
 * by the frame sizes of the pc table: exact wherever a goroutine can be stopped, unlike frame
 * pointers, which miss a caller when a goroutine was preempted in a function's prologue.
 * The frame walk of other architectures belongs here and nowhere else.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/span.h"
#include "image/pclntab.h"

struct walk_frame {
	uint64_t pc;
	uint32_t sp_off;	/* of the frame's lowest byte, from the start of the stack copy */
	bool exact;		/* pc is the instruction itself and not a return address */
};

struct unwinder;

/*
 * `tab` must outlive it; an unwinder serves one thread, and holds `lock` (which may be NULL) while
 * it asks the table, which other threads ask too. NULL when memory is short.
 */
struct unwinder *unwinder_new(struct pclntab *tab, pthread_mutex_t *lock);
void unwinder_free(struct unwinder *u);
DEFINE_CLEANUP(struct unwinder, unwinder_free)

enum unwind_end {
	UNWIND_WHOLE,		/* reached the goroutine's first function */
	UNWIND_CUT,		/* met max, or the copy's end: a deeper stack than we keep */
	UNWIND_BROKEN,		/* met a pc without a function: torn or not Go's */
};

/*
 * Innermost frame first, without runtime.goexit. stack is the memory from sp on. `syscall`: the
 * pc and sp are those that entersyscall saved, so that functions which write SP may be walked
 * (runtime.unwinder.resolveInternal). Gives the number of frames.
 */
size_t unwind(struct unwinder *u, struct span stack, uint64_t pc, bool syscall,
	      struct walk_frame *frames, size_t max, enum unwind_end *end);
