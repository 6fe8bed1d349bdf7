/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stacks of a process's threads, but those that the Go runtime makes of its own heap and the
 * main thread's, which the kernel names.
 */
#pragma once

#include <stddef.h>

#include "analysis/ledger.h"
#include "base/arena.h"
#include "base/mem.h"

struct maps;
struct pagemap;
struct subject;

/*
 * Claims, ascending, in the arena: by each thread's own record at its stack's end (glibc), else the
 * whole mapping that it stands in, when that has a guard below. go: what is Go's; may be NULL.
 * pm: only resident pages are read; NULL: no record is looked for. -ENOMEM.
 */
int ledger_stacks_find(const struct subject *subject, const struct maps *maps, struct pagemap *pm,
		       const struct ledger_layer *go, struct arena *a, struct ledger_claim **ret,
		       size_t *n);
