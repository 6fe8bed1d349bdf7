/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of the stacks and pcs that the goroutine collector meets, looked up once each: the same
 * sites come every interval.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "model/goroutine.h"

struct go_runtime;
struct goroutine_names;
struct traced_goroutine;

/* rt outlives it. NULL when memory is short. */
struct goroutine_names *goroutine_names_new(struct go_runtime *rt);
void goroutine_names_free(struct goroutine_names *n);
DEFINE_CLEANUP(struct goroutine_names, goroutine_names_free)

/*
 * Forgets all when it has grown too large: what was returned before is gone then. To be called
 * before each look. -ENOMEM.
 */
int goroutine_names_begin(struct goroutine_names *n);

/*
 * The stack of that hash in t, as a snapshot shows it: whose frames were lost is empty and
 * truncated. Lives as long as the names. -ENOMEM.
 */
int goroutine_names_stack(struct goroutine_names *n, const struct traced_goroutine *t,
			  uint64_t hash, struct stack *ret);

/* The function at a return address, or (exact) at an instruction. -ENOMEM. */
int goroutine_names_frame(struct goroutine_names *n, uint64_t pc, bool exact, struct frame *ret);
