/* SPDX-License-Identifier: Apache-2.0 */
/* Intervals around the snapshots of samples.h. All they hold is in the snapshot's arena. */
#pragma once

#include "model/interval.h"

/*
 * Each group as a site, every other one grows; and each collector saw its stacks, with its counts.
 * Goroutines were lost, threads refused.
 */
struct interval interval_sample(struct snapshot *s);

/* The same activity, to be changed. */
struct activity *interval_activity(struct snapshot *s);
