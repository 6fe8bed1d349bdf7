/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may hold a lock that others wait for too long. Go does not record it; but who holds a lock
 * will unlock it, and so has it on its stack, unless it is a variable or in one. A second reading of
 * all stacks, and only when there is such a lock.
 */
#pragma once

#include "base/diag.h"
#include "goruntime/goruntime.h"
#include "model/snapshot.h"

/*
 * Fills the holder_* clues of the groups of s that wait for such locks. Errors of goroutines_scan();
 * -ENOMEM.
 */
int leak_holders_find(struct go_runtime *rt, struct snapshot *s, struct diag *d);
