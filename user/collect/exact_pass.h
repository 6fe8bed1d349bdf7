/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The exact pass of --prove: the process is stopped, its registers and the memory that says who
 * reaches whom are copied, it is let go, and the search is made on the copy. What it finds dead was
 * dead at one instant, and what is dead stays so.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/diag.h"

struct go_heap;
struct go_runtime;
struct reach_pass;
struct subject;

struct exact_source {
	const struct subject *subject;	/* a process, or a core: that is frozen by itself */
	struct go_runtime *rt;		/* of it, open */
	uint64_t max_pause_us;		/* 0: EXACT_MAX_PAUSE_US */
	uint64_t max_bytes;		/* of our memory, for the search; 0: LIMIT_GRAPH_BYTES */
	uint64_t max_copy_bytes;	/* and for the copy; 0: EXACT_MAX_COPY_BYTES */
	struct arena *arena;		/* sentences */
};

#define EXACT_MAX_PAUSE_US 200000
#define EXACT_MAX_COPY_BYTES (4ull << 30)

struct exact_pass {
	struct reach_pass *reach;	/* the search's answer */
	/*
	 * NULL: every word that could matter was seen, and what the search calls dead is proven.
	 * Else what was missing, a sentence; nothing may be called proven.
	 */
	const char *why_not;
	double stopped_ms;		/* of all stops together; 0 for a core */
	double estimated_ms;		/* said before; negative for a core */
	uint64_t copied_bytes;
	uint32_t threads;		/* whose registers were read */
	/* What `reach` stands on; freed with it. */
	struct go_runtime *frozen_rt;
	struct go_heap *frozen_heap;
	struct exact_copy *copy;
};

/*
 * Fills ret, which exact_pass_done() empties. Errors leave the process running and ret empty, the
 * sentence in d: -ETIMEDOUT it would take longer than it may (estimated, never stopped) or did, and
 * was let go; -EPERM, -EBUSY, -EOPNOTSUPP, -EAGAIN as stopper_stop(); those of reach_pass_take();
 * -ESRCH.
 */
int exact_pass_take(const struct exact_source *src, struct exact_pass *ret, struct diag *d);
void exact_pass_done(struct exact_pass *p);

/*
 * What a stop would take, by what of the heap would have to be copied and how fast a part of it
 * was: nothing is stopped. Milliseconds; negative: cannot be told (and of a core).
 */
double exact_pass_estimate(const struct exact_source *src);
