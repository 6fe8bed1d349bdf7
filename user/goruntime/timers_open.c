// SPDX-License-Identifier: Apache-2.0
/* Apart from timers.c, which needs no file of the target's. */
#include "goruntime/heap_state.h"
#include "goruntime/processors.h"
#include "goruntime/timers.h"

int go_timers_open(struct go_runtime *rt, struct go_timers **ret, struct diag *d)
{
	struct go_heap_layout l;
	uint64_t allp;
	int r = heap_layout_find(rt, &l, d);

	if (r == 0)
		r = processors_locate(rt, &l, &allp, d);
	return r < 0 ? r : go_timers_open_at(rt, &l, allp, ret, d);
}
