// SPDX-License-Identifier: Apache-2.0
/* Another look at an opened heap, and what of the memory such a look reads. */
#include <errno.h>

#include "base/cleanup.h"
#include "base/span.h"
#include "goruntime/heap_state.h"
#include "model/limits.h"

#define PAGE 4096ull
/* A function may use so much below its stack pointer. */
#define RED_ZONE 128
/* The head of a g, with its stack's bounds and what is saved of its registers. */
#define G_HEAD 256

int go_heap_over(const struct go_heap *h, struct go_runtime *rt, struct arena *a,
		 struct go_heap **ret)
{
	struct go_heap *over = arena_alloc(a, 1, sizeof(*over));

	if (!over)
		return -ENOMEM;
	*over = *h;
	over->rt = rt;
	over->arena = a;
	over->dropped = (struct go_heap_dropped){ 0 };
	over->spans = NULL;
	over->n_spans = 0;
	over->ranges = NULL;
	over->n_ranges = 0;
	*ret = over;
	return 0;
}

struct footprint {
	int (*visit)(void *arg, uint64_t start, uint64_t end);
	void *arg;
	uint64_t start, end;	/* not told yet: the next may follow */
};

static int tell(struct footprint *f, uint64_t start, uint64_t end)
{
	int r = 0;

	if (start == f->end) {
		f->end = end;
		return 0;
	}
	if (f->start < f->end)
		r = f->visit(f->arg, f->start, f->end);
	f->start = start;
	f->end = end;
	return r;
}

/* Of the index of arenas, 32 MiB of mostly nothing, the pages that have an entry. */
static int tell_index(struct footprint *f, const struct go_heap *h)
{
	uint64_t last = 0;
	int r = 0;

	for (size_t i = 0; i < h->n_spans && r == 0; i++) {
		uint64_t arena = (h->spans[i].base - GO_ARENA_BASE) >> GO_ARENA_SHIFT;
		uint64_t page = (h->arenas + 8 * arena) & ~(PAGE - 1);

		if (page != last)
			r = tell(f, page, page + PAGE);
		last = page;
	}
	return r;
}

static int tell_metadata(struct footprint *f, struct go_heap *h)
{
	CLEANUP(heap_ranges_done) struct heap_ranges metadata = { 0 };
	const struct heap_ranges none = { 0 };
	int r = heap_metadata_ranges(h, &none, &metadata);

	for (size_t i = 0; i < metadata.n && r == 0; i++) {
		const struct go_range *range = &metadata.all[i];

		if (range->kind == GO_RANGE_PAGES)
			continue;
		if (range->start <= h->arenas && h->arenas < range->end) {
			r = tell(f, range->start, h->arenas);
			if (r == 0 && h->arenas + 8 * GO_ARENAS < range->end)
				r = tell(f, h->arenas + 8 * GO_ARENAS, range->end);
			if (r == 0)
				r = tell_index(f, h);
		} else {
			r = tell(f, range->start, range->end);
		}
	}
	return r;
}

int go_heap_footprint(struct go_heap *h, int (*visit)(void *arg, uint64_t start, uint64_t end),
		      void *arg, struct diag *d)
{
	struct footprint f = { .visit = visit, .arg = arg };
	const struct go_span *spans;
	size_t n;
	int r = go_heap_spans(h, &spans, &n, d);

	for (size_t i = 0; i < n && r == 0; i++)
		if (!spans[i].noscan)
			r = tell(&f, spans[i].base, spans[i].base + spans[i].bytes);
	if (r == 0)
		r = tell_metadata(&f, h);
	return r == 0 ? tell(&f, 0, 0) : r;
}

static int visit_system_stack(struct go_heap *h, uint64_t g0,
			      int (*visit)(void *arg, uint64_t start, uint64_t end), void *arg)
{
	const struct go_layout *l = &h->rt->layout;
	uint8_t head[G_HEAD];
	struct span s = span_of(head, sizeof(head));
	uint64_t lo, hi, sp;
	int r = mem_read(h->rt->live, g0, head, sizeof(head));

	if (r < 0)
		return r;
	lo = span_u64(&s, (uint32_t)l->g_stack_lo);
	hi = span_u64(&s, (uint32_t)l->g_stack_hi);
	sp = span_u64(&s, (uint32_t)l->g_sched_sp);
	if (s.overrun || hi >= GO_ADDRESS_END || sp < lo || sp >= hi || sp < RED_ZONE)
		return 0;
	return visit(arg, sp - RED_ZONE, hi);
}

int go_heap_system_stacks(struct go_heap *h,
			  int (*visit)(void *arg, uint64_t start, uint64_t end), void *arg)
{
	const struct go_layout *l = &h->rt->layout;
	uint64_t m = 0, g0;
	int r = h->at.threads ? mem_read_u64(h->rt->live, h->at.threads, &m) : -EAGAIN;

	for (uint32_t i = 0; r == 0 && m; i++) {
		if (i == LIMIT_GO_THREADS || m % 8 || m >= GO_ADDRESS_END)
			return -EAGAIN;
		r = mem_read_u64(h->rt->live, m + (uint32_t)l->m_g0, &g0);
		if (r == 0 && g0)
			r = visit_system_stack(h, g0, visit, arg);
		if (r == 0)
			r = mem_read_u64(h->rt->live, m + (uint32_t)l->m_alllink, &m);
	}
	return r == -EFAULT ? -EAGAIN : r;
}
