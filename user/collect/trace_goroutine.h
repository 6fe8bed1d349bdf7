/* SPDX-License-Identifier: Apache-2.0 */
/* Tells trace/goroutine.h what goruntime/ has found: functions, and what its wait reasons mean. */
#pragma once

#include "base/diag.h"
#include "trace/goroutine.h"

struct elf_image;
struct go_runtime;

/*
 * Fills all but the sampling. `path` has room for the name of e's file, "/proc/self/fd/N", which ret
 * points to: both outlive the trace. A function that is not there has len 0. -EOPNOTSUPP when
 * runtime.gopark is none; errors of the pc table.
 */
int trace_goroutine_describe(struct go_runtime *rt, struct elf_image *e, char path[32],
			     struct goroutine_trace_config *ret, struct diag *d);
