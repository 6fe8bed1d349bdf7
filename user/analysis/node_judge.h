/* SPDX-License-Identifier: Apache-2.0 */
/* What the figures of many processes say is wrong, and whose turn it is to be told first. Pure. */
#pragma once

#include "base/arena.h"
#include "model/node.h"

/*
 * Adds to each one's findings what its trends and its sites say ("unexplained", "cgo-threads",
 * "growing-group", ...), and sorts: most severe finding first, then what grows, fastest first by
 * its own size, then CPU. *ret_worse: the first so many have something to tell. Findings are in
 * the arena. -ENOMEM.
 */
int node_judge(struct node_process *all, uint32_t n, struct arena *a, uint32_t *ret_worse);
