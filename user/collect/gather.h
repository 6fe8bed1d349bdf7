/* SPDX-License-Identifier: Apache-2.0 */
/* Goroutines into groups: names, labels, wait objects and ages, while the scan runs. */
#pragma once

#include "base/diag.h"
#include "collect/snapshot.h"
#include "goruntime/goruntime.h"
#include "model/interval.h"
#include "model/snapshot.h"

struct sockets;
struct gather;

/*
 * `a` owns what the groups point to (stacks, names, wait objects) and outlives every snapshot that
 * is taken; it may be a snapshot's own. o is borrowed. -ENOMEM.
 */
int gather_open(struct go_runtime *rt, const struct snapshot_options *o, struct arena *a,
		struct gather **ret);
void gather_close(struct gather *c);
DEFINE_CLEANUP(struct gather, gather_close)

/*
 * Fills the groups, totals, goroutines (when o->goroutines) and quality of s. sockets may be NULL
 * (a core). Groups come unsorted and unjudged.
 *
 * look NULL: everything is read. Else it is one of several: goroutines in the park that an earlier
 * look saw them in are counted without reading their stacks, and *ret, in s->arena, has a
 * group_past for each group. What a group is blocked on is then as old as its last newcomer.
 *
 * Errors of goroutines_scan(); -ENOMEM.
 */
int gather_take(struct gather *c, struct sockets *sockets, const struct look *look,
		struct snapshot *s, const struct group_past **ret, struct diag *d);

/*
 * Begins anew in another arena: what groups there were, and their bytes, are given up, but since
 * when each goroutine is where it is stays known. -ENOMEM: c can only be closed.
 */
int gather_renew(struct gather *c, struct arena *a);
