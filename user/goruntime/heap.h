/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The heap of an opened Go runtime: spans, pages, and what the runtime mapped besides. The target
 * goes on running: what is torn or absurd is left out and counted, never handed on.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/diag.h"
#include "goruntime/goruntime.h"
#include "model/go_memory.h"

/* One look at the heap; in the arena that it was opened with. */
struct go_heap;

/*
 * Finds the heap's variables and holds them against the process. The runtime and the arena must
 * outlive it. -EOPNOTSUPP: the layout of this release's heap is not known, a variable was not
 * found, or it does not fit the process; goroutines are not touched by that. Errors of reading.
 */
int go_heap_open(struct go_runtime *rt, struct arena *a, struct go_heap **ret, struct diag *d);

/*
 * The same heap by another look, through `rt` (go_runtime_over() or the same): its variables are
 * not searched or validated again. -ENOMEM.
 */
int go_heap_over(const struct go_heap *h, struct go_runtime *rt, struct arena *a,
		 struct go_heap **ret);
/* Another look at the same heap, in that arena. Errors of go_heap_open() but for the first. */
int go_heap_look_again(const struct go_heap *h, struct arena *a, struct go_heap **ret,
		       struct diag *d);

/* Objects of 8 bytes in a span of one page; those of larger ones are fewer (runtime/sizeclasses.go). */
#define GO_PAGE_ELEMS_MAX 1024

/* mspan.state (runtime/mheap.go). */
enum go_span_state {
	GO_SPAN_DEAD,
	GO_SPAN_IN_USE,		/* holds objects */
	GO_SPAN_MANUAL,		/* stacks, and the collector's work buffers */
};

struct go_span {
	uint64_t addr;		/* of the runtime.mspan itself */
	uint64_t base, bytes;
	uint64_t elem_size;
	uint64_t alloc_bits;	/* address; a bit an element: allocated when last swept */
	uint64_t large_type;	/* of a large object with pointers, Go 1.22 and on; else 0 */
	uint32_t n_elems;
	uint32_t alloc_count;	/* elements allocated, or not yet swept */
	uint32_t free_index;	/* what lies below is allocated, whatever alloc_bits say */
	uint8_t state;		/* enum go_span_state, never GO_SPAN_DEAD */
	uint8_t class;		/* size class; 0 large */
	bool noscan;		/* its objects hold no pointers */
	bool specials;		/* there were finalizers and the like of its objects */
};

/*
 * The spans in use, ascending by base, not overlapping; read once, at the first call. They lie in
 * the arena.
 */
int go_heap_spans(struct go_heap *h, const struct go_span **ret, size_t *n, struct diag *d);

/* Which of a span's slots hold no object. */
struct go_slots {
	struct go_span span;
	uint8_t bits[GO_PAGE_ELEMS_MAX / 8];	/* mspan.allocBits */
	bool known;
};

/*
 * As they were when the span was looked at, unless two collections have ended since. Errors of
 * reading; -E2BIG no span has so many.
 */
int go_heap_slots_read(struct mem *m, const struct go_span *span, struct go_slots *ret);
/* As they are now. False when that span is no more. */
bool go_heap_slots_now(struct go_heap *h, const struct go_span *span, struct go_slots *ret);
/*
 * Is the slot of that address free, as mspan.isFree() has it (runtime/mbitmap.go, the same in Go 1.18 to
 * 1.27)? False also where it is not known.
 */
bool go_heap_slots_free(const struct go_slots *s, uint64_t addr);

/* What was left out of a look, and why. */
struct go_heap_dropped {
	uint64_t unreadable;	/* mspans or chunks of page bits whose memory could not be read */
	uint64_t absurd;	/* values that no runtime has */
	uint64_t overlapping;	/* with another span, or twice in the list */
	uint64_t settled;	/* of these: it is known which one is there now, and that one stayed */
	uint64_t beyond;	/* over a cap of model/limits.h */
};
const struct go_heap_dropped *go_heap_dropped(const struct go_heap *h);

enum go_range_kind {
	GO_RANGE_HEAP,		/* a span of objects */
	GO_RANGE_STACKS,	/* a manual span: stacks, and the collector's work buffers */
	GO_RANGE_FREE,		/* in no span, and not given back to the system */
	GO_RANGE_SCAVENGED,	/* in no span, and given back: resident only by huge pages */
	GO_RANGE_RESERVED,	/* of an arena, not yet grown into */
	/* Metadata from here on. */
	GO_RANGE_SPANS,		/* allspans, the index of arenas and the arenas' records */
	GO_RANGE_PAGES,		/* the page allocator's bits and summaries */
	GO_RANGE_GC_BITS,	/* allocation and mark bits */
	GO_RANGE_PERSISTENT,	/* persistentalloc: mspans, mcaches, specials, profiles ... */
	GO_RANGE_KINDS
};
#define GO_RANGE_METADATA GO_RANGE_SPANS	/* kinds from this one on */

struct go_range {
	uint64_t start, end;
	uint8_t kind;		/* enum go_range_kind */
};

/*
 * All that the runtime mapped and that can be told, ascending, not overlapping, equal neighbours
 * made one. In the arena; read once.
 */
int go_heap_ranges(struct go_heap *h, const struct go_range **ret, size_t *n, struct diag *d);

/*
 * Calls visit with each range that a search through the heap reads: spans that may hold pointers,
 * stacks, and the runtime's records; not the binary's variables. In no order; neighbours are made
 * one. What visit returns when it is not 0, errors of reading.
 */
int go_heap_footprint(struct go_heap *h, int (*visit)(void *arg, uint64_t start, uint64_t end),
		      void *arg, struct diag *d);

/*
 * Calls visit with what is in use of each thread's system stack (g0) while it runs elsewhere, as a
 * goroutine: from g0.sched.sp to the stack's end. Of a process that stands still: -EAGAIN the list
 * of threads makes no sense. What visit returns when it is not 0; errors of reading.
 */
int go_heap_system_stacks(struct go_heap *h,
			  int (*visit)(void *arg, uint64_t start, uint64_t end), void *arg);

/*
 * The runtime's numbers. What the release does not have or did not fit the process is unknown in
 * *ret; 0 when any is known.
 */
int go_memstats_read(struct go_heap *h, struct go_memstats *ret, struct diag *d);
