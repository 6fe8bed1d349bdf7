/* SPDX-License-Identifier: Apache-2.0 */
/* The timers of a Go process in a snapshot, and over the looks of a watch. */
#pragma once

#include "analysis/timer_pile.h"
#include "base/cleanup.h"
#include "goruntime/goruntime.h"
#include "model/snapshot.h"

struct timer_watch;

/*
 * Reads s->timers and adds a finding where they pile up. After the groups have been gathered and
 * judged: they are sorted again. That they cannot be read is a note. -ENOMEM.
 */
int timers_add(struct go_runtime *rt, struct snapshot *s);

/* *ret may be NULL: then they cannot be read. The runtime outlives it. -ENOMEM. */
int timer_watch_open(struct go_runtime *rt, struct timer_watch **ret);
void timer_watch_close(struct timer_watch *w);
DEFINE_CLEANUP(struct timer_watch, timer_watch_close)

/* One look, now_s after the first: counts them, a read for each of Go's processors. -ENOMEM. */
int timer_watch_look(struct timer_watch *w, double now_s);
/* As timers_add(), with what was seen to grow. */
int timer_watch_end(struct timer_watch *w, double now_s, struct snapshot *s);
