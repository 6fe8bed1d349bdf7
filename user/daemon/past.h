/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the looks at the node say of each process, as of the last one: copied from it, for those who
 * want it when the look is no more. Any thread.
 */
#pragma once

#include <stdint.h>

#include "base/cleanup.h"
#include "model/node.h"

struct past;
struct past_look;

/* NULL when memory is short. */
struct past *past_new(void);
/* What is held stays. Accepts NULL. */
void past_free(struct past *p);
DEFINE_CLEANUP(struct past, past_free)

/* In place of the look before. -ENOMEM: that one stays. */
int past_put(struct past *p, const struct node_look *look);

/* The last look, to be freed by past_look_free(); NULL: none yet. */
struct past_look *past_get(struct past *p);
/* Accepts NULL. */
void past_look_free(struct past_look *l);
DEFINE_CLEANUP(struct past_look, past_look_free)

/*
 * One of its processes, with its figures, history, tally and findings, and without cgroup, info,
 * interval and what else is the node's; NULL: it was not there.
 */
const struct node_process *past_find(const struct past_look *l, int pid, uint64_t start_time);
