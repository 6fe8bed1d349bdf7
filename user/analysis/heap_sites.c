// SPDX-License-Identifier: Apache-2.0
#include "analysis/heap_sites.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static int64_t clamped(double v)
{
	/* 2^63 itself is no int64_t. */
	if (v >= 9223372036854775807.0)
		return INT64_MAX;
	return (int64_t)v;
}

/* runtime/pprof/protomem.go, scaleHeapSample(): size is that of one object. */
static void scale(uint64_t count, uint64_t size, int64_t rate, int64_t *objects, int64_t *bytes)
{
	double factor = 1;

	*objects = *bytes = 0;
	if (!count || !size)
		return;
	if (rate > 1)
		factor = 1 / (1 - exp(-(double)size / (double)rate));
	*objects = clamped((double)count * factor);
	*bytes = clamped((double)(count * size) * factor);
}

struct heap_estimate heap_site_estimate(const struct heap_profile *p, const struct heap_site *s)
{
	struct heap_estimate e;

	scale(s->allocs, s->object_bytes, p->rate, &e.alloc_objects, &e.alloc_bytes);
	scale(s->allocs - s->frees, s->object_bytes, p->rate, &e.inuse_objects, &e.inuse_bytes);
	return e;
}

static void add(int64_t *to, int64_t v)
{
	if (__builtin_add_overflow(*to, v, to))
		*to = INT64_MAX;
}

static void add_estimate(struct heap_estimate *to, const struct heap_estimate *e)
{
	add(&to->alloc_objects, e->alloc_objects);
	add(&to->alloc_bytes, e->alloc_bytes);
	add(&to->inuse_objects, e->inuse_objects);
	add(&to->inuse_bytes, e->inuse_bytes);
}

struct heap_estimate heap_profile_estimate(const struct heap_profile *p)
{
	struct heap_estimate sum = { 0 };

	for (size_t i = 0; i < p->n_sites; i++) {
		struct heap_estimate e = heap_site_estimate(p, &p->sites[i]);

		add_estimate(&sum, &e);
	}
	return sum;
}

static int by_stack(const void *a, const void *b)
{
	const struct heap_site *x = ((const struct heap_stack *)a)->site;
	const struct heap_site *y = ((const struct heap_stack *)b)->site;
	uint32_t n = x->n_frames < y->n_frames ? x->n_frames : y->n_frames;
	int r = n ? memcmp(x->frames, y->frames, n * sizeof(*x->frames)) : 0;

	return r ? r : (x->n_frames > y->n_frames) - (x->n_frames < y->n_frames);
}

static int by_bytes(const void *a, const void *b)
{
	const struct heap_stack *x = a, *y = b;

	if (x->all.inuse_bytes != y->all.inuse_bytes)
		return x->all.inuse_bytes < y->all.inuse_bytes ? 1 : -1;
	if (x->all.alloc_bytes != y->all.alloc_bytes)
		return x->all.alloc_bytes < y->all.alloc_bytes ? 1 : -1;
	return by_stack(a, b);
}

int heap_stacks(const struct heap_profile *p, struct heap_stack **ret, size_t *ret_n)
{
	struct heap_stack *stacks = calloc(p->n_sites + 1, sizeof(*stacks));
	size_t n = 0;

	if (!stacks)
		return -ENOMEM;
	for (size_t i = 0; i < p->n_sites; i++) {
		stacks[i].site = &p->sites[i];
		stacks[i].all = heap_site_estimate(p, &p->sites[i]);
	}
	qsort(stacks, p->n_sites, sizeof(*stacks), by_stack);
	for (size_t i = 0; i < p->n_sites; i++) {
		if (n && by_stack(&stacks[n - 1], &stacks[i]) == 0)
			add_estimate(&stacks[n - 1].all, &stacks[i].all);
		else
			stacks[n++] = stacks[i];
	}
	qsort(stacks, n, sizeof(*stacks), by_bytes);
	*ret = stacks;
	*ret_n = n;
	return 0;
}
