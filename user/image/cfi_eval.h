/* SPDX-License-Identifier: Apache-2.0 */
/* Internal to image/: the DWARF expressions that call frame information is made of. */
#pragma once

#include <elfutils/libdw.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "image/cfi.h"

struct cfi_eval {
	const struct cfi_regs *regs;	/* of the frame, not of its caller */
	struct mem *stack;
	bool has_cfa;
	uint64_t cfa;
};

/* The expression's value: an address. Errors as of cfi_step(). */
int cfi_eval(const struct cfi_eval *in, const Dwarf_Op *ops, size_t n, uint64_t *ret);
/* What stands at the location: in memory, in a register, or the value itself. */
int cfi_eval_location(const struct cfi_eval *in, const Dwarf_Op *ops, size_t n, uint64_t *ret);
