/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the fields of the Go heap's structs stand, by release: goruntime/layout.h for the heap, and
 * made by the same generator. Apart from it, so that a heap that we cannot read never costs the
 * goroutines.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/diag.h"

/*
 * F(name, Go type, member, first minor release that has it, last one that has it or 99), as
 * LAYOUT_FIELDS.
 *
 * Go 1.19: MemStats' sums are no longer kept in runtime.mstats; the heap's are in gcController,
 * which knows the memory limit.
 * Go 1.22: mspan.nelems and freeindex are two bytes; objects of over 512 bytes have their type in
 * front, large ones in the span; heapArena has no bitmap.
 * Go 1.23: weak handles; timers that are changed have their new time at once.
 * Go 1.24: cleanups. Go 1.25: cleanups have a queue of their own.
 * Go 1.25: heapArenas was allArenas; no more bytes for unrolled type programs.
 * Go 1.26: a cleanup is three words, not one.
 * Go 1.27: the heap profile's buckets count objects alone, for all of one have one size.
 */
#define HEAP_FIELDS(F)                                                               \
	F(span_size, "runtime.mspan", NULL, 18, 99)                                  \
	F(span_start, "runtime.mspan", "startAddr", 18, 99)                          \
	F(span_npages, "runtime.mspan", "npages", 18, 99)                            \
	F(span_freeindex, "runtime.mspan", "freeindex", 18, 99)                      \
	F(span_nelems, "runtime.mspan", "nelems", 18, 99)                            \
	F(span_alloc_bits, "runtime.mspan", "allocBits", 18, 99)                     \
	F(span_gcmark_bits, "runtime.mspan", "gcmarkBits", 18, 99)                   \
	F(span_sweepgen, "runtime.mspan", "sweepgen", 18, 99)                        \
	F(span_alloc_count, "runtime.mspan", "allocCount", 18, 99)                   \
	F(span_class, "runtime.mspan", "spanclass", 18, 99)                          \
	F(span_state, "runtime.mspan", "state", 18, 99)                              \
	F(span_elem_size, "runtime.mspan", "elemsize", 18, 99)                       \
	F(span_limit, "runtime.mspan", "limit", 18, 99)                              \
	F(span_specials, "runtime.mspan", "specials", 18, 99)                        \
	F(span_user_arena, "runtime.mspan", "isUserArenaChunk", 20, 99)              \
	F(span_large_type, "runtime.mspan", "largeType", 22, 99)                     \
	F(heap_size, "runtime.mheap", NULL, 18, 99)                                  \
	F(heap_pages, "runtime.mheap", "pages", 18, 99)                              \
	F(heap_sweepgen, "runtime.mheap", "sweepgen", 18, 99)                        \
	F(heap_allspans, "runtime.mheap", "allspans", 18, 99)                        \
	F(heap_pages_in_use, "runtime.mheap", "pagesInUse", 18, 99)                  \
	F(heap_reclaim_index, "runtime.mheap", "reclaimIndex", 18, 99)               \
	F(heap_arenas, "runtime.mheap", "arenas", 18, 99)                            \
	F(heap_arena_list, "runtime.mheap", "heapArenas|allArenas", 18, 99)          \
	F(heap_sweep_arenas, "runtime.mheap", "sweepArenas", 18, 99)                 \
	F(heap_mark_arenas, "runtime.mheap", "markArenas", 18, 99)                   \
	F(heap_cur_arena, "runtime.mheap", "curArena.base", 18, 99)                  \
	F(heap_central, "runtime.mheap", "central", 18, 99)                          \
	F(heap_spanalloc, "runtime.mheap", "spanalloc", 18, 99)                      \
	F(heap_cachealloc, "runtime.mheap", "cachealloc", 18, 99)                    \
	F(fixalloc_size, "runtime.fixalloc", "size", 18, 99)                         \
	F(fixalloc_inuse, "runtime.fixalloc", "inuse", 18, 99)                       \
	F(pages_summary, "runtime.pageAlloc", "summary", 18, 99)                     \
	F(pages_chunks, "runtime.pageAlloc", "chunks", 18, 99)                       \
	F(pages_start, "runtime.pageAlloc", "start", 18, 99)                         \
	F(pages_end, "runtime.pageAlloc", "end", 18, 99)                             \
	F(pages_in_use, "runtime.pageAlloc", "inUse.ranges", 18, 99)                 \
	F(pages_scav_chunks, "runtime.pageAlloc", "scav.index.chunks", 19, 99)       \
	F(chunk_size, "runtime.pallocData", NULL, 18, 99)                            \
	F(chunk_scavenged, "runtime.pallocData", "scavenged", 18, 99)                \
	F(arena_size, "runtime.heapArena", NULL, 18, 99)                             \
	F(arena_spans, "runtime.heapArena", "spans", 18, 99)                         \
	F(arena_page_specials, "runtime.heapArena", "pageSpecials", 18, 99)          \
	F(special_size, "runtime.special", NULL, 18, 99)                             \
	F(special_next, "runtime.special", "next", 18, 99)                           \
	F(special_offset, "runtime.special", "offset", 18, 99)                       \
	F(special_kind, "runtime.special", "kind", 18, 99)                           \
	F(finalizer_special_size, "runtime.specialfinalizer", NULL, 18, 99)          \
	F(finalizer_special_fn, "runtime.specialfinalizer", "fn", 18, 99)            \
	F(finalizer_special_fint, "runtime.specialfinalizer", "fint", 18, 99)        \
	F(finalizer_special_ot, "runtime.specialfinalizer", "ot", 18, 99)            \
	F(cleanup_special_size, "runtime.specialCleanup", NULL, 24, 99)              \
	F(cleanup_special_fn, "runtime.specialCleanup", "cleanup|fn", 24, 99)        \
	F(cleanup_special_id, "runtime.specialCleanup", "id", 24, 99)                \
	F(weak_special_size, "runtime.specialWeakHandle", NULL, 23, 99)              \
	F(weak_special_handle, "runtime.specialWeakHandle", "handle", 23, 99)        \
	F(fin_block_size, "runtime.finBlock|runtime.finblock", NULL, 18, 99)         \
	F(fin_block_alllink, "runtime.finBlock|runtime.finblock", "alllink", 18, 99) \
	F(fin_block_cnt, "runtime.finBlock|runtime.finblock", "cnt", 18, 99)         \
	F(fin_block_fin, "runtime.finBlock|runtime.finblock", "fin", 18, 99)         \
	F(fin_size, "runtime.finalizer", NULL, 18, 99)                               \
	F(cleanups_size, "runtime.cleanupQueue", NULL, 25, 99)                       \
	F(cleanups_all, "runtime.cleanupQueue", "all", 25, 99)                       \
	F(cleanups_queued, "runtime.cleanupQueue", "queued", 25, 99)                 \
	F(cleanups_executed, "runtime.cleanupQueue", "executed", 25, 99)             \
	F(cleanup_block_size, "runtime.cleanupBlock", NULL, 25, 99)                  \
	F(cleanup_block_alllink, "runtime.cleanupBlock", "alllink", 25, 99)          \
	F(cleanup_block_n, "runtime.cleanupBlock", "n", 25, 99)                      \
	F(cleanup_block_first, "runtime.cleanupBlock", "cleanups", 25, 99)           \
	F(cleanup_fn_size, "runtime.cleanupFn", NULL, 26, 99)                        \
	F(m_p, "runtime.m", "p", 18, 99)                                             \
	F(p_id, "runtime.p", "id", 18, 99)                                           \
	F(p_status, "runtime.p", "status", 18, 99)                                   \
	F(p_timers, "runtime.p", "timers.heap|timers", 18, 99)                       \
	F(p_num_timers, "runtime.p", "numTimers|timers.len", 18, 99)                 \
	F(timer_size, "runtime.timer", NULL, 18, 99)                                 \
	F(timer_f, "runtime.timer", "f", 18, 99)                                     \
	F(timer_arg, "runtime.timer", "arg", 18, 99)                                 \
	F(timer_owner, "runtime.timer", "ts|pp", 18, 99)                             \
	F(timer_state, "runtime.timer", "state|status", 18, 99)                      \
	F(timer_nextwhen, "runtime.timer", "nextwhen", 18, 22)                       \
	F(m_gsignal, "runtime.m", "gsignal", 18, 99)                                 \
	F(stats_size, "runtime.heapStatsDelta", NULL, 18, 99)                        \
	F(stats_committed, "runtime.heapStatsDelta", "committed", 18, 99)            \
	F(stats_released, "runtime.heapStatsDelta", "released", 18, 99)              \
	F(stats_in_heap, "runtime.heapStatsDelta", "inHeap", 18, 99)                 \
	F(stats_in_stacks, "runtime.heapStatsDelta", "inStacks", 18, 99)             \
	F(stats_in_work_bufs, "runtime.heapStatsDelta", "inWorkBufs", 18, 99)        \
	F(stats_in_scalar_bits, "runtime.heapStatsDelta", "inPtrScalarBits", 18, 24) \
	F(stats_tiny_allocs, "runtime.heapStatsDelta", "tinyAllocCount", 18, 99)     \
	F(stats_large_alloc, "runtime.heapStatsDelta", "largeAlloc", 18, 99)         \
	F(stats_large_allocs, "runtime.heapStatsDelta", "largeAllocCount", 18, 99)   \
	F(stats_small_allocs, "runtime.heapStatsDelta", "smallAllocCount", 18, 99)   \
	F(stats_large_free, "runtime.heapStatsDelta", "largeFree", 18, 99)           \
	F(stats_large_frees, "runtime.heapStatsDelta", "largeFreeCount", 18, 99)     \
	F(stats_small_frees, "runtime.heapStatsDelta", "smallFreeCount", 18, 99)     \
	F(memstats_size, "runtime.mstats", NULL, 18, 99)                             \
	F(memstats_heap_stats, "runtime.mstats", "heapStats.stats", 18, 99)          \
	F(memstats_stats_gen, "runtime.mstats", "heapStats.gen", 18, 99)             \
	F(memstats_heap_sys, "runtime.mstats", "heap_sys", 18, 18)                   \
	F(memstats_stacks_sys, "runtime.mstats", "stacks_sys", 18, 99)               \
	F(memstats_mspan_sys, "runtime.mstats", "mspan_sys", 18, 99)                 \
	F(memstats_mcache_sys, "runtime.mstats", "mcache_sys", 18, 99)               \
	F(memstats_buckhash_sys, "runtime.mstats", "buckhash_sys", 18, 99)           \
	F(memstats_gc_sys, "runtime.mstats", "gcMiscSys", 18, 99)                    \
	F(memstats_other_sys, "runtime.mstats", "other_sys", 18, 99)                 \
	F(memstats_last_gc_unix, "runtime.mstats", "last_gc_unix", 18, 99)           \
	F(memstats_pause_total, "runtime.mstats", "pause_total_ns", 18, 99)          \
	F(memstats_pause_ns, "runtime.mstats", "pause_ns", 18, 99)                   \
	F(memstats_pause_end, "runtime.mstats", "pause_end", 18, 99)                 \
	F(memstats_numgc, "runtime.mstats", "numgc", 18, 99)                         \
	F(memstats_numforcedgc, "runtime.mstats", "numforcedgc", 18, 99)             \
	F(memstats_gc_cpu_fraction, "runtime.mstats", "gc_cpu_fraction", 18, 99)     \
	F(memstats_last_gc, "runtime.mstats", "last_gc_nanotime", 18, 99)            \
	F(gc_size, "runtime.gcControllerState", NULL, 18, 99)                        \
	F(gc_percent, "runtime.gcControllerState", "gcPercent", 18, 99)              \
	F(gc_memory_limit, "runtime.gcControllerState", "memoryLimit", 19, 99)       \
	F(gc_heap_minimum, "runtime.gcControllerState", "heapMinimum", 18, 99)       \
	F(gc_runway, "runtime.gcControllerState", "runway", 19, 99)                  \
	F(gc_trigger, "runtime.gcControllerState", "trigger", 18, 18)                \
	F(gc_heap_goal, "runtime.gcControllerState", "gcPercentHeapGoal|heapGoal", 18, 99) \
	F(gc_sweep_min_trigger, "runtime.gcControllerState", "sweepDistMinTrigger", 19, 99) \
	F(gc_triggered, "runtime.gcControllerState", "triggered", 19, 99)            \
	F(gc_last_heap_goal, "runtime.gcControllerState", "lastHeapGoal", 18, 99)    \
	F(gc_heap_live, "runtime.gcControllerState", "heapLive", 18, 99)             \
	F(gc_heap_marked, "runtime.gcControllerState", "heapMarked", 18, 99)         \
	F(gc_heap_in_use, "runtime.gcControllerState", "heapInUse", 19, 99)          \
	F(gc_heap_released, "runtime.gcControllerState", "heapReleased", 19, 99)     \
	F(gc_heap_free, "runtime.gcControllerState", "heapFree", 19, 99)             \
	F(gc_total_alloc, "runtime.gcControllerState", "totalAlloc", 19, 99)         \
	F(gc_total_free, "runtime.gcControllerState", "totalFree", 19, 99)           \
	F(gc_mapped_ready, "runtime.gcControllerState", "mappedReady", 19, 99)       \
	F(gc_mark_start, "runtime.gcControllerState", "markStartTime", 18, 99)       \
	F(bucket_size, "runtime.bucket", NULL, 18, 99)                               \
	F(bucket_allnext, "runtime.bucket", "allnext", 18, 99)                       \
	F(bucket_typ, "runtime.bucket", "typ", 18, 99)                               \
	F(bucket_hash, "runtime.bucket", "hash", 18, 99)                             \
	F(bucket_object, "runtime.bucket", "size", 18, 99)                           \
	F(bucket_nstk, "runtime.bucket", "nstk", 18, 99)                             \
	F(record_size, "runtime.memRecord", NULL, 18, 99)                            \
	F(record_active, "runtime.memRecord", "active", 18, 99)                      \
	F(record_future, "runtime.memRecord", "future", 18, 99)                      \
	F(cycle_size, "runtime.memRecordCycle", NULL, 18, 99)                        \
	F(cycle_allocs, "runtime.memRecordCycle", "allocs", 18, 99)                  \
	F(cycle_frees, "runtime.memRecordCycle", "frees", 18, 99)                    \
	F(cycle_alloc_bytes, "runtime.memRecordCycle", "alloc_bytes", 18, 26)        \
	F(cycle_free_bytes, "runtime.memRecordCycle", "free_bytes", 18, 26)

struct go_heap_layout {
	int minor;		/* the release it was made for */
	const char *source;	/* "table" or "dwarf" */
#define HEAP_LAYOUT_MEMBER(name, type, member, from, to) int32_t name;
	HEAP_FIELDS(HEAP_LAYOUT_MEMBER)	/* bytes; -1: this release has no such thing */
#undef HEAP_LAYOUT_MEMBER
};

/* As layout_lookup(). */
int heap_layout_lookup(int minor, int patch, struct go_heap_layout *ret, struct diag *d);
/* As layout_from_dwarf(); all of the release's fields must be there. */
int heap_layout_from_dwarf(int fd, int minor, struct go_heap_layout *ret, struct diag *d);
