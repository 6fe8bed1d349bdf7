/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who of those that are being gathered was found leaked. The search came first, and a goroutine
 * that has run since then is another park, and not leaked.
 */
#pragma once

#include "collect/grouping.h"
#include "goruntime/goroutines.h"
#include "model/leaks.h"

/* NULL: not in the set, in this very park. l may be NULL. */
const struct leaked_goroutine *leak_join_find(const struct leak_set *l, const struct go_g *g);

/* Counts it in its group. */
void leak_join_count(struct gathered *e, const struct leak_set *l,
		     const struct leaked_goroutine *which, const struct go_g *g);

/*
 * Where the sample of a leaked one belongs: before those that are not, whose last one may have to
 * make way. There is room for it as long as not all samples are leaked ones. The index.
 */
uint32_t leak_join_place(struct gathered *e);

/* Gives the group its part of what the sites hold, when all are counted. */
void leak_join_finish(struct gathered *e, const struct leak_set *l);
