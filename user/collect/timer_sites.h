/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who probably makes the timers that nobody waits for: functions on the goroutines' stacks, or that
 * they started in, whose code calls time.After or time.NewTimer and never Stop. In a loop they
 * make one a round.
 */
#pragma once

#include "goruntime/goruntime.h"
#include "model/snapshot.h"
#include "model/timers.h"

/*
 * Fills ret->sites, in the snapshot's arena, most probable first: those that loop before others,
 * of these those that wait on such a timer, then by goroutines. After the groups have been
 * gathered. -ENOMEM.
 */
int timer_sites_find(struct go_runtime *rt, const struct snapshot *s, struct timer_look *ret);
