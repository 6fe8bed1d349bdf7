/* SPDX-License-Identifier: Apache-2.0 */
/* Tells the programs in the kernel what goruntime/ has found about a target's Go runtime. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct ev_go;
struct go_runtime;
struct traced_oncpu_site;

/* Fills all of it from an open, so validated, runtime. */
void trace_go_describe(const struct go_runtime *rt, struct ev_go *ret);

/*
 * The whole stack of a sample, innermost first: a pc, then return addresses, with the caller of a
 * function that has no frame of its own, and no further than where the stack began (mcall,
 * goexit). At most max; the number.
 */
size_t trace_go_stack(struct go_runtime *rt, const struct traced_oncpu_site *s, uint64_t *pcs,
		      size_t max);
