/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a single snapshot proves by itself: the waits that can never end whatever else happens
 * (nil channel, select without cases). Pure: a snapshot in, verdicts and findings into it.
 */
#pragma once

#include "model/snapshot.h"

/*
 * Fills verdict and pattern of each group and snapshot.findings (in the snapshot's arena), and
 * sorts groups: most severe first, then count, system groups last; findings likewise, their group
 * indices following. 0 or -ENOMEM.
 */
int verdict_judge(struct snapshot *s);
