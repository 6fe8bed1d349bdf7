/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The timers in the heaps of Go's processors (runtime/time.go). The target goes on running: a heap
 * may be replaced while it is read, so each timer must name the processor that it was found at, or
 * it counts as torn. Of many, a sample is read.
 */
#pragma once

#include "base/cleanup.h"
#include "base/diag.h"
#include "goruntime/goruntime.h"
#include "model/timers.h"

struct go_heap_layout;
struct go_timers;

/*
 * Finds where they are. The runtime must outlive it. -EOPNOTSUPP: the release is not known, or
 * its processors were not found; -ENOMEM, errors of reading.
 */
int go_timers_open(struct go_runtime *rt, struct go_timers **ret, struct diag *d);
/* With that layout and that slice of processors. */
int go_timers_open_at(struct go_runtime *rt, const struct go_heap_layout *l, uint64_t allp,
		      struct go_timers **ret, struct diag *d);
void go_timers_close(struct go_timers *t);
DEFINE_CLEANUP(struct go_timers, go_timers_close)

/* How many there are: a read for each processor. Errors of reading. */
int go_timers_count(struct go_timers *t, uint64_t *ret);

/*
 * All of *ret but the sites. -EOPNOTSUPP: most of what was read is no timer of its processor;
 * -ENOMEM, errors of reading.
 */
int go_timers_read(struct go_timers *t, struct timer_look *ret, struct diag *d);
