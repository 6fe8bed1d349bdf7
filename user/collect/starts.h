/* SPDX-License-Identifier: Apache-2.0 */
/* Whose a goroutine is, the program's or the runtime's own, by the function that it started in. */
#pragma once

#include <stdbool.h>

#include "base/addrmap.h"
#include "goruntime/goroutines.h"
#include "goruntime/goruntime.h"

struct starts {
	struct addrmap *kinds;	/* by startpc */
};

/* 0 or -ENOMEM. */
int starts_init(struct starts *s);
void starts_done(struct starts *s);

/*
 * runtime.isSystemGoroutine: it starts in package runtime, but for main, handleAsyncEvent and
 * corostart; the finalizer and cleanup goroutines count as the user's while they run user code.
 * wait_reason may be NULL.
 */
bool starts_is_system(struct starts *s, struct go_runtime *rt, const struct go_g *g,
		      const char *wait_reason);

/* Did it start in package runtime, whatever it runs now? But for main, and coroutines. */
bool starts_in_runtime(struct starts *s, struct go_runtime *rt, const struct go_g *g);
