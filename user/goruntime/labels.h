/* SPDX-License-Identifier: Apache-2.0 */
/* The pprof labels of a goroutine (runtime/pprof.Do, SetGoroutineLabels). */
#pragma once

#include <stdint.h>

#include "base/arena.h"
#include "goruntime/goruntime.h"
#include "model/goroutine.h"

/*
 * Reads g.labels at addr, sorted by key, strings interned in `a`; at most LIMIT_LABELS.
 * -EBADMSG when it does not read as labels, -EFAULT, -ENOMEM. addr 0 gives none.
 */
int labels_read(struct go_runtime *rt, uint64_t addr, struct arena *a, const struct label **ret,
		uint32_t *n);
