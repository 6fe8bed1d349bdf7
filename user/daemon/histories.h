/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the figures of each process ran, as of the last look: copied from it, for those who want them
 * when the look is no more. Any thread.
 */
#pragma once

#include <stdint.h>

#include "base/cleanup.h"
#include "model/node.h"

struct histories;

/* NULL when memory is short. */
struct histories *histories_new(void);
/* Accepts NULL. */
void histories_free(struct histories *h);
DEFINE_CLEANUP(struct histories, histories_free)

/* In place of those before. -ENOMEM: these stay. */
int histories_put(struct histories *h, const struct node_look *look);

/*
 * Those of one process: points, of malloc(), are the caller's; NULL and n 0: none are known. -ENOMEM.
 */
int histories_get(struct histories *h, int pid, uint64_t start_time, struct node_point **ret,
		  uint32_t *ret_n);
