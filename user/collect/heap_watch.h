/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The C allocations of one process over time: bursts of trace/mallocs, the stacks of what survives
 * them by call frame information, and below cgo the goroutine's.
 */
#pragma once

#include "base/cleanup.h"
#include "base/diag.h"
#include "model/c_heap.h"

struct collector_ops;
struct collector_source;
struct heap_watch;

/*
 * Loads; nothing is probed yet. src->live may be NULL. -EOPNOTSUPP, -ENODATA as
 * mallocs_trace_open(); -ESRCH, -EPERM, -ENOMEM.
 */
int heap_watch_open(const struct collector_source *src, struct heap_watch **ret, struct diag *d);
void heap_watch_close(struct heap_watch *w);
DEFINE_CLEANUP(struct heap_watch, heap_watch_close)

/* The ends of a burst; to be called from one thread, which need not be that of the looks. */
int heap_watch_arm(struct heap_watch *w, struct diag *d);
void heap_watch_disarm(struct heap_watch *w);

/*
 * What is known now, with the bursts that ended since the last look. A survivor is of age after
 * min_age_ns. *ret is the watch's, until the next call. -ESRCH, -ENOMEM.
 */
int heap_watch_look(struct heap_watch *w, uint64_t min_age_ns, const struct c_heap **ret,
		    struct diag *d);

extern const struct collector_ops heap_watch_collector;
