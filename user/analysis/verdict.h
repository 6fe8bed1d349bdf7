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
 * (verdict ok; the JSON's word for it is "explained"). The runtime's own goroutines are ok. All
 * else is unknown. 0 or -ENOMEM.
 */
int verdict_judge(struct snapshot *s);
