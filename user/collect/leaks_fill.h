/* SPDX-License-Identifier: Apache-2.0 */
/* A pass's dead goroutines as a leak_set. Of leaks.c. */
#pragma once

#include "base/arena.h"
#include "collect/reach_pass.h"
#include "model/leaks.h"

/*
 * Those that grade() does not call VERDICT_UNKNOWN go into the set, with their sites and what these
 * hold. Those that wait for ever by themselves are left to who judges waits. -ENOMEM.
 */
int leaks_fill(const struct reach_pass *pass,
	       enum verdict (*grade)(void *arg, const struct reach_parked *p), void *arg,
	       struct arena *a, struct leak_set *ret);
