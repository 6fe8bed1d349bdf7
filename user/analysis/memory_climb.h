/* SPDX-License-Identifier: Apache-2.0 */
/* What RSS climbs by: its growth over the looks, split by the parts of memory. Pure. */
#pragma once

#include "base/arena.h"
#include "base/cleanup.h"
#include "model/activity.h"

struct memory_climb;

/* NULL when memory is short. */
struct memory_climb *memory_climb_new(void);
void memory_climb_free(struct memory_climb *c);
DEFINE_CLEANUP(struct memory_climb, memory_climb_free)

/*
 * One look. *ret: a clause that names the parts which climb, with their rates, largest first ("the
 * C heap +12.0 MiB a minute"); NULL when RSS as a whole does not climb by 8 MiB in a window as
 * window_goes_on() has it. Where no part's address space grows with it, memory that was mapped
 * before is being touched, and that is what it says. -ENOMEM.
 */
int memory_climb_add(struct memory_climb *c, double now_s, const struct memory_parts *p,
		     struct arena *a, const char **ret);

/* Bytes a minute that memory_parts.other grew by in the recent window; negative unknown. */
double memory_climb_other_per_min(const struct memory_climb *c);
