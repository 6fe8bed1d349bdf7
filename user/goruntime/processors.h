/* SPDX-License-Identifier: Apache-2.0 */
/* Go's processors, runtime.allp: where they are, without symbols too. */
#pragma once

#include <stdint.h>

#include "base/diag.h"
#include "goruntime/goruntime.h"
#include "goruntime/heap_layout.h"

/*
 * The address of the slice runtime.allp: by the symbol, else by the operands of procresize(), which
 * makes it. What is found must hold processors: by number, in a state that there is, with a slice
 * of timers. -EOPNOTSUPP not found; -ENOMEM, errors of reading.
 */
int processors_locate(struct go_runtime *rt, const struct go_heap_layout *l, uint64_t *ret,
		      struct diag *d);

/* Their addresses now, at most `max`; their number, or the errno of reading, -EBADMSG no slice. */
int processors_list(struct mem *live, uint64_t allp, uint64_t *ret, uint32_t max);
