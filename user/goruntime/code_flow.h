/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which ways lead through a function's machine code, and whom it calls on them. Jumps through a
 * register (a large switch) are where a way ends: what is found is there, what is not may be.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/mem.h"

struct code_flow;

/* A call of a fixed address. */
struct code_call {
	uint64_t at, next;	/* of the call, and where it returns to */
	uint64_t target;
	bool bar;		/* for the caller to set: no way leads past it */
};

/* The code at [entry, end). -EBADMSG: longer than any function of interest; errors of reading. */
int code_flow_open(struct mem *code, uint64_t entry, uint64_t end, struct code_flow **ret);
void code_flow_close(struct code_flow *f);
DEFINE_CLEANUP(struct code_flow, code_flow_close)

/* Its calls, by address. Goes as far as there are instructions. */
struct code_call *code_flow_calls(struct code_flow *f, size_t *n);

/*
 * Follows all ways from `from` on; what was found of another start is forgotten. Does one of them
 * come to a return?
 */
bool code_flow_follow(struct code_flow *f, uint64_t from);
/* Did one come to the instruction at addr? */
bool code_flow_passed(const struct code_flow *f, uint64_t addr);
