// SPDX-License-Identifier: Apache-2.0
/*
 * runtime/pprof's heap profile with debug=1 (pprof.go, writeHeapInternal, Go 1.18 to 1.27): what
 * was recorded, not scaled, as who reads it scales by the rate in its head. The numbers of
 * runtime.MemStats behind it are left out.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "model/heap_profile.h"
#include "report/go_text.h"
#include "report/report.h"

static uint64_t inuse_bytes(const struct heap_site *s)
{
	return (s->allocs - s->frees) * s->object_bytes;
}

/* Most bytes in use first, then by size and depth: the same profile has the same order. */
static int by_inuse(const void *a, const void *b)
{
	const struct heap_site *x = *(const struct heap_site *const *)a;
	const struct heap_site *y = *(const struct heap_site *const *)b;
	uint64_t i = inuse_bytes(x), j = inuse_bytes(y);

	if (i != j)
		return i > j ? -1 : 1;
	return (x > y) - (x < y);
}

static void print_numbers(uint64_t allocs, uint64_t alloc_bytes, uint64_t inuse,
			  uint64_t inuse_size, FILE *out)
{
	fprintf(out, "%" PRIu64 ": %" PRIu64 " [%" PRIu64 ": %" PRIu64 "] @", inuse, inuse_size,
		allocs, alloc_bytes);
}

static void print_head(const struct heap_profile *h, FILE *out)
{
	uint64_t allocs = 0, alloc_bytes = 0, inuse = 0, inuse_size = 0;

	for (size_t i = 0; i < h->n_sites; i++) {
		const struct heap_site *s = &h->sites[i];

		allocs += s->allocs;
		alloc_bytes += s->allocs * s->object_bytes;
		inuse += s->allocs - s->frees;
		inuse_size += inuse_bytes(s);
	}
	fputs("heap profile: ", out);
	print_numbers(allocs, alloc_bytes, inuse, inuse_size, out);
	/* Readers of this form halve what they find. */
	fprintf(out, " heap/%" PRId64 "\n", h->rate > 0 ? 2 * h->rate : 0);
}

static void print_site(const struct heap_profile *h, const struct heap_site *s, FILE *out)
{
	struct frame frames[LIMIT_FRAMES];
	struct stack stack;

	heap_site_stack(h, s, frames, &stack);
	print_numbers(s->allocs, s->allocs * s->object_bytes, s->allocs - s->frees, inuse_bytes(s),
		      out);
	go_print_addresses(&stack, out);
	fputc('\n', out);
	go_print_stack(&stack, out);
}

int report_heap_debug1(const struct snapshot *s, FILE *out, const struct report_options *o)
{
	const struct heap_profile *h = s->heap_profile;
	const struct heap_site **order;

	(void)o;
	if (!h)
		return -EINVAL;
	order = calloc(h->n_sites + 1, sizeof(*order));
	if (!order)
		return -ENOMEM;
	for (size_t i = 0; i < h->n_sites; i++)
		order[i] = &h->sites[i];
	qsort(order, h->n_sites, sizeof(*order), by_inuse);
	print_head(h, out);
	for (size_t i = 0; i < h->n_sites && !ferror(out); i++)
		print_site(h, order[i], out);
	free(order);
	return ferror(out) ? -EIO : 0;
}
