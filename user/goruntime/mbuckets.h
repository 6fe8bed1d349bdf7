/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The heap profile that a Go program keeps of itself (runtime/mprof.go): runtime.mbuckets, a list
 * of what was allocated and freed by each stack and size, of one object in MemProfileRate bytes.
 * Read while the target runs, under no lock of its.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/mem.h"
#include "goruntime/goruntime.h"
#include "goruntime/heap_layout.h"

/* Offsets in bytes; -1: this release has no such thing. */
struct mbuckets_layout {
	int32_t bucket_size, allnext, typ, hash, object_bytes, nstk;	/* runtime.bucket */
	int32_t record_size, active, future;	/* runtime.memRecord */
	/* runtime.memRecordCycle. Go 1.27: no bytes, for each object has the bucket's size. */
	int32_t cycle_size, allocs, frees, alloc_bytes, free_bytes;
	uint32_t max_stack;	/* return addresses of one bucket */
	uint32_t cycle_shift;	/* where the cycle stands in its word: Go 1.19 put a flag below */
};

struct mbuckets_layout mbuckets_layout_of(const struct go_heap_layout *l);

struct mbuckets_where {
	uint64_t list;		/* address of runtime.mbuckets */
	uint64_t cycle;		/* of runtime.mProfCycle, or runtime.mProf.cycle (Go 1.18) */
	uint64_t rate;		/* of runtime.MemProfileRate */
	bool linked_out;	/* nothing that could read the profile is in the program */
};

/*
 * Finds the variables by the code of the functions that use them and, with LOCATE_SYMBOL of `ways`
 * (goruntime/locate.h), by symbols; where both tell, they must agree.
 * -EOPNOTSUPP when one is not found; errors of reading.
 */
int mbuckets_locate(struct go_runtime *rt, unsigned int ways, struct mbuckets_where *ret,
		    struct diag *d);

struct mbucket {
	uint64_t record;	/* address of its runtime.memRecord */
	const uint64_t *stack;	/* return addresses, innermost first, one for each logical frame */
	uint32_t n_stack;
	bool odd;		/* its numbers contradict each other */
	uint64_t object_bytes;
	uint64_t allocs, frees;	/* recorded objects; frees <= allocs unless odd */
};

struct mbuckets {
	struct mbucket *buckets;	/* in no order */
	size_t n;
	int64_t rate;		/* runtime.MemProfileRate */
	bool before_first_gc;	/* nothing has been published: these are the counts as they grow */
	bool unsettled;		/* published anew under every attempt: may mix two cycles */
	bool cut;		/* LIMIT_HEAP_SITES or LIMIT_HEAP_SITE_BYTES was met */
};

/*
 * What runtime.MemProfile would tell: the counts of all cycles up to the last that is complete, or
 * of all when none is. Into the arena. Each bucket must hash to what it says that it does, so that
 * nothing else than a profile reads as one: -EBADMSG with the reason, and nothing of it is used.
 * -EFAULT, -ESRCH, -EPERM, -ENOMEM.
 */
int mbuckets_read(struct mem *live, const struct mbuckets_layout *l,
		  const struct mbuckets_where *w, struct arena *a, struct mbuckets *ret,
		  struct diag *d);

/* runtime.stkbucket's hash of a stack and a size. */
uint64_t mbuckets_hash(const uint64_t *stack, size_t n, uint64_t object_bytes);
