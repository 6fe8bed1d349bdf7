/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the Go runtime itself keeps alive, beyond variables and the stacks of goroutines. The target
 * goes on running: what comes and goes meanwhile is seen by visiting twice, before a pass over the
 * heap and after it.
 *
 * The reference is the collector: what it does not mark is freed, so what its roots are (markroot()
 * in runtime/mgcmark.go) is all that keeps. Who covers each, in Go 1.18 to 1.27:
 *
 *   data and bss of the module with the runtime	variables (module_masks_read())
 *   data and bss of other modules: plugins	here, word by word: GO_ROOT_MODULE
 *   specials: finalizers			here: the object, for it will be handed to the
 *						function, and the function
 *   specials: cleanups (Go 1.24)		here: the function (and argument, Go 1.26)
 *   specials: weak handles (Go 1.23)		here: the handle; and the object, which the
 *						collector does not mark, but from which living
 *						code may make a pointer at any time
 *   specials: pin counters (Go 1.21)		here: the object
 *   other specials: profile buckets, reachable, tiny blocks, checks, bubbles, secrets: nothing
 *   allfin: all blocks of finalizers, of	here: GO_ROOT_QUEUE
 *	which finq and finc head parts
 *   gcCleanups.all (Go 1.25; before, in	here: GO_ROOT_QUEUE
 *	allfin)
 *   stacks: frames and variables; defers,	goruntime/stack_words.h
 *	panics; vector registers (Go 1.26)
 *   a goroutine's context register, labels,	edges of its record, runtime.g, which is an object
 *	timer, bubble, defers on the heap
 *   free stacks				nothing: the collector gives them back
 *
 * What the collector does not look at, for it stops threads only where nothing hangs there alone:
 *
 *   g0 and gsignal stacks of a thread that	here: GO_ROOT_G0_STACK; idle ones (no P, no
 *	works					goroutine) may not hold pointers into the heap
 *   registers					the caller, of a stopped process
 *   buffers of work and of write barriers	nothing: what stands there was reached from a
 *						root, or was overwritten
 *
 * What looks as if it were missing, and is reached by the collector's masks from variables:
 *
 *   timers: allp -> p.timers (up to 1.22 a slice of *timer, then timers.heap) -> timer -> arg. Only
 *   a poll descriptor's own timers lie outside of the heap, and their arg is that descriptor. A
 *   bubble of synctest has its timers in itself, and its goroutines' records point to it. So allp
 *   must stay a root.
 *   m structures: allm -> m.alllink; sched.freem. p structures: allp. Their caches of sudogs, defer
 *   records and dead goroutines are emptied before they are put back.
 *   cgo handles: a sync.Map, a variable of runtime/cgo. Pinner's references: an object with a
 *   finalizer. os/signal, user arenas, sync.Pool: variables.
 *   poll descriptors (persistentalloc): hold goroutines by number alone (rg, wg); who waits for the
 *   network is alive, for the network is no part of the heap.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "goruntime/heap.h"

enum go_root_kind {
	GO_ROOT_FINALIZER,
	GO_ROOT_CLEANUP,
	GO_ROOT_WEAK,
	GO_ROOT_SPECIAL,	/* other specials of an object */
	GO_ROOT_QUEUE,		/* finalizers and cleanups whose turn will come, or that run */
	GO_ROOT_MODULE,		/* variables of other modules than the runtime's own */
	GO_ROOT_G0_STACK,	/* stacks of threads, word by word */
	GO_ROOT_KINDS
};

/* What was visited, and what could not be: with any of the latter, nobody may be called dead. */
struct go_roots_stats {
	uint64_t words[GO_ROOT_KINDS];
	uint64_t specials;	/* of all kinds */
	uint64_t threads;	/* that may hold something */
	uint64_t torn;		/* lists that changed each time we looked, or make no sense */
	uint64_t unreadable;	/* pieces whose memory could not be read */
	uint64_t beyond;	/* over a cap of model/limits.h */
};

/* "finalizer", ...; never NULL. */
const char *go_root_kind_name(enum go_root_kind kind);

/* Is all there that the runtime keeps? */
bool go_roots_complete(const struct go_roots_stats *stats);

/*
 * Calls visit for each word that keeps something: an address, and the object that it points into is
 * alive. Many point into none. May be called any number of times on one heap, and
 * reads anew each time; *stats is added to. What visit returns, when it is not 0, ends it.
 * -EOPNOTSUPP: something of this release could not be found, the diag says what; -ESRCH, -EPERM,
 * -ENOMEM.
 */
int go_roots_visit(struct go_heap *h,
		   int (*visit)(void *arg, enum go_root_kind kind, uint64_t word), void *arg,
		   struct go_roots_stats *stats, struct diag *d);

/*
 * The same of a process that stands still: `words` are the registers of all its threads, the stack
 * pointers among them. They tell how much of a thread's stacks is in use, so that what they held
 * before is left out; and nothing is read twice.
 */
int go_roots_visit_stopped(struct go_heap *h, const uint64_t *words, size_t n_words,
			   int (*visit)(void *arg, enum go_root_kind kind, uint64_t word), void *arg,
			   struct go_roots_stats *stats, struct diag *d);

/*
 * Of a process that stands still: the threads whose registers keep nothing, by their numbers in its
 * own pid namespace. They have neither a P nor a goroutine, or their goroutine is in a system call
 * that Go made: the collector may run at any such moment, and looks at that goroutine's stack alone.
 * At most `max`; *n how many. Errors of reading.
 */
int go_roots_resting(struct go_heap *h, int32_t *tids, size_t max, size_t *n, struct diag *d);
