// SPDX-License-Identifier: Apache-2.0
/* What the exact pass may miss in its copy. */
#include "base/cleanup.h"
#include "collect/exact_parts.h"
#include "collect/subject.h"

/* Of Go's heap: arenas begin and end at multiples of this. */
#define ARENA (64ull << 20)

int exact_without_mappings(const struct subject *subject, struct exact_ranges *ret, struct diag *d)
{
	CLEANUP(maps_free_p) struct maps *after = NULL;
	struct exact_ranges mapped = { 0 };
	uint64_t end = 0;
	int r = maps_read(subject->process, &after, d);

	for (size_t i = 0; r == 0 && i < subject->maps->n; i++)
		r = exact_ranges_add(&mapped, subject->maps->all[i].start,
				     subject->maps->all[i].end);
	for (size_t i = 0; r == 0 && i < after->n; i++)
		r = exact_ranges_add(&mapped, after->all[i].start, after->all[i].end);
	exact_ranges_join(&mapped);
	for (size_t i = 0; r == 0 && i < mapped.n; i++) {
		r = exact_ranges_add(ret, end, mapped.all[i].start);
		end = mapped.all[i].end;
	}
	exact_ranges_done(&mapped);
	return r < 0 ? r : exact_ranges_add(ret, end, UINT64_MAX);
}

int exact_without_pointers(struct go_heap *frozen, struct exact_ranges *ret, struct diag *d)
{
	const struct go_span *spans;
	uint64_t end = 0;
	size_t n;
	int r = go_heap_spans(frozen, &spans, &n, d);

	for (size_t i = 0; i < n && r == 0; i++) {
		const struct go_span *s = &spans[i];
		uint64_t arena = s->base / ARENA * ARENA;

		if (end < arena) {
			if (end)
				r = exact_ranges_add(ret, end,
						     (end + ARENA - 1) / ARENA * ARENA);
			end = arena;
		}
		if (s->noscan)
			continue;
		if (r == 0)
			r = exact_ranges_add(ret, end, s->base);
		end = s->base + s->bytes;
	}
	if (r == 0)
		r = exact_ranges_add(ret, end, (end + ARENA - 1) / ARENA * ARENA);
	return r;
}
