/* SPDX-License-Identifier: Apache-2.0 */
/* The exact search for leaks_find(): of a process that is stopped for it, or of a core. */
#pragma once

#include "base/arena.h"
#include "base/diag.h"
#include "collect/leaks.h"

/*
 * As leaks_find() with `prove`, or of a core. What was found dead is VERDICT_PROVEN; where the
 * search was not exact, because a core lacks registers or something was not read, it is
 * VERDICT_SUSPECT, and ret->why_not says why. Errors of exact_pass_take().
 */
int leaks_find_exact(const struct subject *subject, struct go_runtime *rt,
		     const struct leaks_options *o, struct arena *a, struct leak_set *ret,
		     struct diag *d);
