/* SPDX-License-Identifier: Apache-2.0 */
/* What looking for leaked goroutines would take. Of leaks.c. */
#pragma once

#include "base/arena.h"
#include "base/diag.h"

struct go_runtime;

/* What may be done unasked, in seconds of our own time, and how long it may span. */
#define LEAK_CHEAP_S 1.0
#define LEAK_CHEAP_SPAN_S 4.0

/* *why_not gets a sentence when already one pass would take longer. Errors of reading; -ENOMEM. */
int leak_cost_check(struct go_runtime *rt, struct arena *a, const char **why_not, struct diag *d);
