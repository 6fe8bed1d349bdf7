/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which functions use a global variable, by the operands of their code: what a variable is called
 * by where there are no symbols.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "goruntime/goruntime.h"

struct global_user {
	uint64_t addr;		/* of an 8-byte word */
	const char *names;	/* out: "main.fill, main.drop and 3 more", in the arena; NULL none */
};

/*
 * One pass over the module's code, some 5 GB/s. Not its wrappers, nor the runtime. -E2BIG the code
 * is longer than max; -EFAULT, -ENOMEM.
 */
int global_users_find(struct go_runtime *rt, uint64_t max, struct global_user *all, size_t n,
		      struct arena *a);
