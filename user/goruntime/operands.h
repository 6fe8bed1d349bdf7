/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a function's machine code says about global variables. All decoding of instructions stands
 * in operands.c and code_flow.c: another processor needs these again and nothing else of goruntime/.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"

/*
 * The addresses of the 8-byte globals that the code at [entry, end) reads or writes (not those
 * whose address it takes), distinct, in order of first use. At most `max`; the number written, or
 * the errno of reading. Ends early at what is no instruction.
 */
int operands_words(struct mem *code, uint64_t entry, uint64_t end, uint64_t *words, size_t max);
/* The same for 4-byte globals. */
int operands_halves(struct mem *code, uint64_t entry, uint64_t end, uint64_t *halves, size_t max);

/*
 * The same for all that the code says by address: globals of any size, and those whose address it
 * takes.
 */
int operands_globals(struct mem *code, uint64_t entry, uint64_t end, uint64_t *addrs, size_t max);

/* `R - load(since) > load(period)` after `load(since) != 0`, in signed 64-bit arithmetic. */
struct operands_elapsed {
	uint64_t since, period;	/* addresses of the globals */
};

/* The places where the code does so. At most `max`; the number written, or the errno of reading. */
int operands_elapsed(struct mem *code, uint64_t entry, uint64_t end, struct operands_elapsed *ret,
		     size_t max);
