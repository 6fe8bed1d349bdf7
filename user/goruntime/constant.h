/* SPDX-License-Identifier: Apache-2.0 */
/* Data that does not change: out of the file where it can say, so that no page is touched for it. */
#pragma once

#include <errno.h>

#include "goruntime/goruntime.h"

/* -EFAULT neither the file nor the process has it. */
static inline int constant_read(struct go_runtime *rt, uint64_t addr, void *buf, size_t len)
{
	int r = rt->constant ? mem_read(rt->constant, addr, buf, len) : -EFAULT;

	return r == -EFAULT ? mem_read(rt->chase, addr, buf, len) : r;
}
