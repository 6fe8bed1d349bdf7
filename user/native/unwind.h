/* SPDX-License-Identifier: Apache-2.0 */
/*
 * C stacks from outside, of a copy of the stack's bytes, by call frame information: it needs no
 * frame pointers, no symbols, and no stop of the thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <string.h>

#include "base/mem.h"
#include "image/cfi.h"
#include "model/limits.h"

struct modules;

struct unwound {
	uint64_t pcs[LIMIT_C_FRAMES];	/* innermost first; return addresses but for the first */
	uint32_t n;
	bool truncated;		/* it broke off before the outermost frame */
	/* From this frame on a register was unknown and was searched for on the stack; n: none. */
	uint32_t guessed;
};

/*
 * Walks from `regs`, pc and sp at least. `stack` serves the stack's bytes; `code`, when not NULL,
 * the process's memory, for the search of a frame pointer that is not known: the caller of a system
 * call by which alone /proc tells registers. Ends by itself on any bytes.
 */
void unwind_walk(struct modules *m, const struct cfi_regs *regs, struct mem *stack,
		 uint64_t stack_end, struct mem *code, struct unwound *ret);

/* Registers that are all known: as BPF programs read them, by DWARF's numbers. */
static inline void unwind_all_regs(const uint64_t regs[CFI_REGS], struct cfi_regs *ret)
{
	memcpy(ret->value, regs, sizeof(ret->value));
	ret->known = (1u << CFI_REGS) - 1;
}

/* The same for a copy of `len` bytes from address `sp` on. -ENOMEM. */
int unwind_copy(struct modules *m, const struct cfi_regs *regs, const void *bytes, size_t len,
		struct mem *code, struct unwound *ret);

/*
 * The same for a thread of a live process, which must be blocked: copies what it has of its stack.
 * The caller finds out whether it ran meanwhile. -EFAULT, -ESRCH, -ENOMEM.
 */
int unwind_live(struct modules *m, const struct cfi_regs *regs, struct mem *live,
		struct unwound *ret);
