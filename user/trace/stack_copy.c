// SPDX-License-Identifier: Apache-2.0
#include "trace/stack_copy.h"

#include <errno.h>
#include <string.h>

#include "bpf/events.h"

_Static_assert((int)STACK_COPY_REGS == EV_REGS, "registers of bpf/events.h");

int trace_stack_copy(struct arena *a, const struct ev_raw_stack *ev, struct stack_copy *ret)
{
	size_t n = ev->bytes;
	uint8_t *bytes;

	if (n > sizeof(ev->stack))
		return -EBADMSG;
	bytes = arena_alloc(a, n ? n : 1, 1);
	if (!bytes)
		return -ENOMEM;
	memcpy(bytes, ev->stack, n);
	memcpy(ret->regs, ev->regs, sizeof(ret->regs));
	ret->bytes = bytes;
	ret->n_bytes = n;
	return 0;
}
