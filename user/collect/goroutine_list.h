/* SPDX-License-Identifier: Apache-2.0 */
/* Every goroutine by itself, where that is asked for. */
#pragma once

#include <stdint.h>

#include "collect/ages.h"
#include "collect/grouping.h"
#include "model/snapshot.h"

struct goroutine_list {
	struct goroutine *all;
	int64_t *waitsince;	/* of each */
	uint64_t n, room;
};

/* Copies it; g->group is its index in the grouping. -ENOMEM. */
int goroutine_list_add(struct goroutine_list *l, const struct goroutine *g, int64_t waitsince);

/*
 * Puts the list into the snapshot, sorted by id, with ages and the groups' places there. The ages
 * are finished, and the groups have their places. -ENOMEM.
 */
int goroutine_list_finish(struct goroutine_list *l, const struct grouping *groups,
			  const struct ages *ages, struct snapshot *s);

void goroutine_list_done(struct goroutine_list *l);
