/* SPDX-License-Identifier: Apache-2.0 */
/* A look that outlives its watch: for whoever shows it while others are taken. */
#pragma once

#include "base/arena.h"
#include "model/interval.h"
#include "model/node.h"

/*
 * Everything of *i, in the arena; but of its snapshot neither single goroutines, nor counts by
 * state, nor notes. NULL when memory is short.
 */
const struct interval *interval_copy(struct arena *a, const struct interval *i);

/* The same of a process of a look at the node, its interval with it. */
const struct node_process *node_process_copy(struct arena *a, const struct node_process *p);

/* NULL when memory is short. */
const struct process_info *process_info_copy(struct arena *a, const struct process_info *p);
