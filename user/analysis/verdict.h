/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a single snapshot proves by itself: the waits that can never end whatever else happens
 * (nil channel, select without cases). Pure: a snapshot in, verdicts and findings into it.
 */
#pragma once

#include "model/snapshot.h"

/*
 * Fills verdict and pattern of each group and snapshot.findings (in the snapshot's arena), and
 * sorts groups: most severe first, then count, system groups last; findings likewise. The group
 * indices of findings and of snapshot.goroutines follow.
 *
 * Proven needs two witnesses that agree: the wait reason, and the runtime function that the stack
 * is parked in. main's own `select {}` is healthy and common: ok, with a finding that says so
 * (explained). The runtime's own goroutines are ok. All
 * else is unknown. 0 or -ENOMEM.
 */
int verdict_judge(struct snapshot *s);

/* The verdict and pattern of each group alone: nothing moves, and there are no findings. */
void verdict_mark(struct snapshot *s);

/*
 * Sorts groups and findings again after verdicts were changed, as verdict_judge() does. -ENOMEM:
 * nothing has moved.
 */
int verdict_sort(struct snapshot *s);
