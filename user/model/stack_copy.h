/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Registers and the innermost bytes of a stack, copied from a running thread: what unwinding by
 * call frame information starts from.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* By DWARF number on x86-64: rax rdx rcx rbx rsi rdi rbp rsp r8-r15, and the pc. */
enum { STACK_COPY_REGS = 17, STACK_COPY_SP = 7, STACK_COPY_PC = 16 };

struct stack_copy {
	uint64_t regs[STACK_COPY_REGS];
	const uint8_t *bytes;	/* of the stack from regs[STACK_COPY_SP] up */
	size_t n_bytes;		/* 0: it could not be read */
};
