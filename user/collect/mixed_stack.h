/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One stack of C frames and then Go's, of what a collector copied of a thread: C by call frame
 * information, Go by the frame sizes of its pc table, and where the thread had left a goroutine's
 * stack, that goroutine's frames, which the kernel walked.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "model/goroutine.h"
#include "model/limits.h"
#include "model/stack_copy.h"

struct go_runtime;
struct modules;

enum { MIXED_FRAMES = LIMIT_C_FRAMES + 64 };

struct mixed_stack {
	uint64_t pcs[MIXED_FRAMES];	/* innermost first */
	uint32_t n;
	/*
	 * From here on they are of the goroutine whose stack the thread had left; its first pc is
	 * no return address, like the very first. n: there is none.
	 */
	uint32_t goroutine;
	bool truncated;		/* it broke off before the outermost frame */
};

/* rt: NULL where the process is not Go. */
struct mixed_source {
	struct modules *modules;
	struct go_runtime *rt;
};

/* Is this the address of Go code? */
bool mixed_stack_is_go(const struct mixed_source *s, uint64_t pc);

/*
 * returned: its pc is a return address already (a probe where a function returns). go_pcs: of the
 * goroutine; n_go_pcs 0: none. -ENOMEM.
 */
int mixed_stack_unwind(const struct mixed_source *s, const struct stack_copy *copy, bool returned,
		       const uint64_t *go_pcs, size_t n_go_pcs, struct mixed_stack *ret);

/* A stack that was walked in the kernel: a pc, then return addresses. */
void mixed_stack_take(const uint64_t *pcs, size_t n, bool whole, struct mixed_stack *ret);

/*
 * What lies further out than a copy that ended inside Go code, by a walk of the very same stack by
 * frame pointers: from the outermost frame on that both have.
 */
void mixed_stack_extend(struct mixed_stack *s, const uint64_t *pcs, size_t n, bool whole);

/* The same stack has the same; different ones hardly ever do. Never 0. */
uint64_t mixed_stack_hash(const struct mixed_stack *s);

/* Frames with names, inlined ones too. -ENOMEM. */
int mixed_stack_name(const struct mixed_source *s, const struct mixed_stack *stack, struct arena *a,
		     struct stack *ret);
