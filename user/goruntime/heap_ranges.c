// SPDX-License-Identifier: Apache-2.0
/* A table of ranges, and the one of all that the runtime mapped. */
#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "goruntime/heap_state.h"
#include "model/limits.h"

int heap_ranges_add(struct heap_ranges *r, uint64_t start, uint64_t end, enum go_range_kind kind)
{
	struct go_range *last = r->n ? &r->all[r->n - 1] : NULL;

	if (start >= end)
		return 0;
	if (last && last->kind == kind && last->end == start) {
		last->end = end;
		return 0;
	}
	if (r->n == r->room) {
		size_t room = r->room ? 2 * r->room : 256;
		struct go_range *more;

		if (r->n >= LIMIT_GO_RANGES)
			return -E2BIG;
		more = reallocarray(r->all, room, sizeof(*more));
		if (!more)
			return -ENOMEM;
		r->all = more;
		r->room = room;
	}
	r->all[r->n++] = (struct go_range){ start, end, kind };
	return 0;
}

static int by_start(const void *a, const void *b)
{
	const struct go_range *x = a, *y = b;

	return (x->start > y->start) - (x->start < y->start);
}

void heap_ranges_sort(struct heap_ranges *r, uint64_t *overlapping)
{
	size_t n = 0;

	if (r->n)
		qsort(r->all, r->n, sizeof(*r->all), by_start);
	for (size_t i = 0; i < r->n; i++) {
		struct go_range *last = n ? &r->all[n - 1] : NULL;

		if (last && r->all[i].start < last->end)
			(*overlapping)++;
		else if (last && r->all[i].start == last->end && r->all[i].kind == last->kind)
			last->end = r->all[i].end;
		else
			r->all[n++] = r->all[i];
	}
	r->n = n;
}

void heap_words_free(uint64_t **words)
{
	free(*words);
}

void heap_ranges_done(struct heap_ranges *r)
{
	free(r->all);
}

/* Two ascending tables that do not overlap, into the arena. */
static int merge(struct go_heap *h, const struct heap_ranges *a, const struct heap_ranges *b)
{
	struct go_range *all = arena_alloc(h->arena, a->n + b->n + 1, sizeof(*all));
	size_t i = 0, k = 0, n = 0;

	if (!all)
		return -ENOMEM;
	while (i < a->n || k < b->n)
		if (k == b->n || (i < a->n && a->all[i].start < b->all[k].start))
			all[n++] = a->all[i++];
		else
			all[n++] = b->all[k++];
	h->ranges = all;
	h->n_ranges = n;
	return 0;
}

int go_heap_ranges(struct go_heap *h, const struct go_range **ret, size_t *n, struct diag *d)
{
	CLEANUP(heap_ranges_done) struct heap_ranges heap = { 0 };
	CLEANUP(heap_ranges_done) struct heap_ranges metadata = { 0 };
	const struct go_span *spans;
	size_t n_spans;
	int r;

	if (!h->ranges) {
		r = go_heap_spans(h, &spans, &n_spans, d);
		if (r < 0)
			return r;
		r = heap_pages_ranges(h, &heap);
		if (r < 0)
			return diag_fail(d, r, "the Go heap's pages cannot be read");
		r = heap_metadata_ranges(h, &heap, &metadata);
		r = r < 0 ? r : merge(h, &heap, &metadata);
		if (r < 0)
			return diag_fail(d, r, "the Go heap's records cannot be read");
	}
	*ret = h->ranges;
	*n = h->n_ranges;
	return 0;
}
