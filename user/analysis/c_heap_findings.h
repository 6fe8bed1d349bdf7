/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sites of C allocations that may leak: those whose sampled survivors are never seen to be freed,
 * while the C heap grows. A heap that does not grow has no leak that matters, and what lives longer
 * than we watched looks the same as a leak: such a site is a candidate, until watchpoints on some of
 * them have shown that nothing uses them (analysis/malloc_sites.h). Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "model/c_heap.h"
#include "model/snapshot.h"

/* The size of the C heap over time. */
struct c_heap_trend;

struct c_heap_growth {
	bool grows;		/* in each third of the window, and by enough to be no accident */
	double per_min;		/* bytes, in window_s */
	double window_s;
};

/* NULL when memory is short. */
struct c_heap_trend *c_heap_trend_new(void);
void c_heap_trend_free(struct c_heap_trend *t);
DEFINE_CLEANUP(struct c_heap_trend, c_heap_trend_free)

/* One look: bytes of address space that malloc has for its small chunks; 0 unknown. */
struct c_heap_growth c_heap_trend_add(struct c_heap_trend *t, double now_s, uint64_t bytes);

/*
 * A finding for each of the largest suspects and candidates; none when the heap does not grow. min_age_s: what
 * was taken for of age. module: of a Go program; or NULL. -ENOMEM.
 */
int c_heap_findings(const struct c_heap *h, const struct c_heap_growth *g, double min_age_s,
		    const char *module, struct arena *a, const struct finding **ret, uint32_t *n);
