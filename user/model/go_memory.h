/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a Go runtime says of its own memory: the fields of runtime.MemStats, read from outside.
 * Unknown is GO_MEM_UNKNOWN, never 0.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define GO_MEM_UNKNOWN UINT64_MAX
/* next_gc_bytes: GOGC is off and there is no limit. MemStats.NextGC has 2^62 or more then. */
#define GO_NEXT_GC_NEVER (UINT64_MAX - 1)
#define GO_GOGC_UNKNOWN INT32_MIN
/* Go 1.18 to 1.27 have 68, of which 0 is for large objects (runtime/sizeclasses.go). */
#define GO_SIZE_CLASSES 68

/* Objects of one size; as MemStats.BySize, but of all classes. */
struct go_size_class {
	uint64_t size;		/* bytes of one object; 0 of class 0: the large ones differ */
	uint64_t mallocs, frees;
};

struct go_memstats {
	/* As runtime.MemStats. */
	uint64_t alloc_bytes, total_alloc_bytes, sys_bytes;
	uint64_t mallocs, frees;
	uint64_t heap_alloc_bytes, heap_sys_bytes, heap_idle_bytes, heap_inuse_bytes;
	uint64_t heap_released_bytes, heap_objects;
	uint64_t stack_inuse_bytes, stack_sys_bytes;
	uint64_t mspan_inuse_bytes, mspan_sys_bytes, mcache_inuse_bytes, mcache_sys_bytes;
	uint64_t buck_hash_sys_bytes, gc_sys_bytes, other_sys_bytes;
	uint64_t next_gc_bytes;	/* the heap's size that ends the next cycle; GO_NEXT_GC_NEVER */
	uint64_t last_gc_unix_ns;	/* 0: there was none yet */
	uint64_t pause_total_ns;
	uint64_t num_gc, num_forced_gc;
	double gc_cpu_fraction;	/* NaN unknown */

	/* What MemStats does not have. */
	uint64_t last_gc_age_ns;	/* unknown also when there was none yet */
	uint64_t heap_live_bytes;	/* what the pacer takes for live: marked, and allocated since */
	uint64_t heap_marked_bytes;	/* found live by the last cycle */
	uint64_t work_bufs_bytes;	/* a part of gc_sys_bytes; lies in manual spans */
	int32_t gogc;		/* percent; -1 off */
	uint64_t memory_limit_bytes;	/* INT64_MAX: none (Go 1.19 and on) */

	uint32_t n_by_size;	/* 0: not known */
	struct go_size_class by_size[GO_SIZE_CLASSES];

	/* How well it was read. */
	bool stable;		/* the heap stood still: exact. Else within some 0.1 % */
};
