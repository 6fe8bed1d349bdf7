/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looks around leaked goroutines for what tells one pattern from another and hints at the cause:
 * the code of the receive, that of the creator, and what the stack holds. None of it makes anybody
 * leaked, so what cannot be read is just not known.
 */
#pragma once

#include "collect/grouping.h"
#include "goruntime/goruntime.h"
#include "model/snapshot.h"

/*
 * Fills the clues of the groups of s, which grouping_finish() made of `all`, that have leaked
 * goroutines. -ENOMEM.
 */
int leak_clues_add(struct go_runtime *rt, const struct gathered *all, uint32_t n,
		   struct snapshot *s);
