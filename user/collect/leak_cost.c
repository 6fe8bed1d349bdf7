// SPDX-License-Identifier: Apache-2.0
#include "collect/leak_cost.h"

#include <errno.h>

#include "goruntime/goruntime.h"
#include "goruntime/heap.h"

/* Measured: what a pass takes for a GiB of heap with pointers, and for a goroutine. */
#define S_PER_GIB 1.5
#define S_PER_GOROUTINE 5e-6

static double estimate(const struct go_span *spans, size_t n, uint64_t goroutines)
{
	double bytes = 0;

	for (size_t i = 0; i < n; i++)
		if (spans[i].state == GO_SPAN_IN_USE && !spans[i].noscan)
			bytes += (double)spans[i].bytes;
	return bytes / (double)(1ull << 30) * S_PER_GIB + (double)goroutines * S_PER_GOROUTINE;
}

int leak_cost_check(struct go_runtime *rt, struct arena *a, const char **why_not, struct diag *d)
{
	CLEANUP(arena_free_p) struct arena *scratch = arena_new();
	struct diag why = DIAG_INIT;
	const struct go_span *spans;
	uint64_t array, goroutines;
	struct go_heap *h;
	double cost;
	size_t n;
	int r = scratch ? go_runtime_allgs(rt, &array, &goroutines, d) : -ENOMEM;

	if (r < 0)
		return r;
	r = go_heap_open(rt, scratch, &h, &why);
	if (r == 0)
		r = go_heap_spans(h, &spans, &n, &why);
	if (r == -ESRCH || r == -EPERM || r == -ENOMEM) {
		if (d)
			*d = why;
		return r;
	}
	if (r < 0) {
		*why_not = arena_printf(a, "%s", why.why);
		return *why_not ? 0 : -ENOMEM;
	}
	cost = estimate(spans, n, goroutines);
	if (cost <= LEAK_CHEAP_S)
		return 0;
	*why_not = arena_printf(a, "which goroutines are leaked would take some %.0f s or more to "
				"find out; --leaks does it", cost);
	return *why_not ? 0 : -ENOMEM;
}
