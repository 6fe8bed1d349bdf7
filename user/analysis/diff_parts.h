/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of diff_compare(), in files of their own. Each -ENOMEM. */
#pragma once

#include "analysis/diff.h"

/* groups, stayed, left, arrived; relation is known. */
int diff_groups(struct diff *d, struct arena *a);

/* 1 and *ret, a pile of timers that grew, or is one by itself; 0 none. */
int diff_timers(const struct diff *d, struct arena *a, struct finding *ret);

/* findings, from all else. */
int diff_findings(struct diff *d, struct arena *a);
