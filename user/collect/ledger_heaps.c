// SPDX-License-Identifier: Apache-2.0
#include "collect/ledger_heaps.h"

#include <errno.h>

#include "collect/ledger.h"
#include "collect/subject.h"
#include "goruntime/heap.h"
#include "native/c_heap.h"

/* --- Go --- */

static void go_claim_at(const void *claims, size_t i, struct ledger_claim *ret)
{
	const struct go_range *r = &((const struct go_range *)claims)[i];
	static const uint8_t parts[GO_RANGE_KINDS] = {
		[GO_RANGE_HEAP] = MEMORY_GO_HEAP_LIVE,
		[GO_RANGE_STACKS] = MEMORY_GO_STACKS,
		[GO_RANGE_FREE] = MEMORY_GO_HEAP_FREE,
		[GO_RANGE_SCAVENGED] = MEMORY_GO_HEAP_LAZYFREE,
		[GO_RANGE_RESERVED] = MEMORY_GO_OTHER,
		[GO_RANGE_SPANS] = MEMORY_GO_METADATA,
		[GO_RANGE_PAGES] = MEMORY_GO_METADATA,
		[GO_RANGE_GC_BITS] = MEMORY_GO_METADATA,
		[GO_RANGE_PERSISTENT] = MEMORY_GO_METADATA,
	};

	*ret = (struct ledger_claim){
		.start = r->start,
		.end = r->end,
		.part = r->kind < GO_RANGE_KINDS ? parts[r->kind] : MEMORY_GO_OTHER,
	};
}

static bool is_fatal(int r)
{
	return r == -ESRCH || r == -ENOMEM;
}

static void note_dropped(const struct go_heap *heap, struct ledger_notes *notes,
			 struct ledger_heaps *ret)
{
	const struct go_heap_dropped *dropped = go_heap_dropped(heap);
	unsigned long long n = dropped->unreadable + dropped->absurd + dropped->beyond;

	if (!n)
		return;
	ret->go_partly = true;
	ledger_note(notes, "%llu records of the Go heap could not be read or made no sense: what "
		    "they tell of is unexplained", n);
}

int ledger_heaps_go(struct go_runtime *rt, struct arena *a, struct ledger_notes *notes,
		    struct ledger_heaps *ret, struct diag *d)
{
	struct go_memstats *stats = arena_alloc(a, 1, sizeof(*stats));
	const struct go_range *ranges = NULL;
	struct diag why = DIAG_INIT;
	struct go_heap *heap;
	size_t n = 0;
	int r = stats ? go_heap_open(rt, a, &heap, &why) : -ENOMEM;

	ret->go_unread = true;
	if (r == 0)
		r = go_heap_ranges(heap, &ranges, &n, &why);
	if (is_fatal(r)) {
		if (d)
			*d = why;
		return r;
	}
	if (r < 0) {
		ledger_note(notes, "the Go heap is unexplained: %s", why.why);
		return 0;
	}
	ret->go_known = true;
	ret->go_unread = false;
	ret->go = (struct ledger_layer){ ranges, n, go_claim_at, 0 };
	note_dropped(heap, notes, ret);
	r = go_memstats_read(heap, stats, &why);
	if (is_fatal(r))
		return r;
	if (r < 0)
		ledger_note(notes, "the Go runtime's own numbers are not known: %s", why.why);
	else
		ret->memstats = stats;
	return 0;
}

/* --- C --- */

static void c_claim_at(const void *claims, size_t i, struct ledger_claim *ret)
{
	const struct c_range *r = &((const struct c_range *)claims)[i];
	static const uint8_t parts[] = {
		[C_RANGE_USED] = MEMORY_C_HEAP_USED,
		[C_RANGE_FREE] = MEMORY_C_HEAP_FREE,
		[C_RANGE_TOP] = MEMORY_C_HEAP_FREE,
		[C_RANGE_MMAPPED] = MEMORY_C_MMAP,
		[C_RANGE_UNKNOWN] = MEMORY_UNEXPLAINED,
	};

	*ret = (struct ledger_claim){
		.start = r->start,
		.end = r->end,
		.part = r->kind < ARRAY_SIZE(parts) ? parts[r->kind] : MEMORY_UNEXPLAINED,
	};
}

/* Both layers in one, by address; neighbours and what lies in each other become one. */
static const struct c_range *others_of(const struct ledger_layer *x, const struct ledger_layer *y,
				       struct arena *a, size_t *n)
{
	struct c_range *others = arena_alloc(a, x->n + y->n + 1, sizeof(*others));
	size_t i = 0, k = 0;

	*n = 0;
	while (others && (i < x->n || k < y->n)) {
		struct ledger_claim c, of_y = { .start = UINT64_MAX };

		if (k < y->n)
			y->at(y->claims, k, &of_y);
		if (i < x->n)
			x->at(x->claims, i, &c);
		if (i == x->n || of_y.start < c.start) {
			c = of_y;
			k++;
		} else {
			i++;
		}
		if (*n && c.start <= others[*n - 1].end) {
			if (c.end > others[*n - 1].end)
				others[*n - 1].end = c.end;
		} else {
			others[(*n)++] = (struct c_range){ .start = c.start, .end = c.end };
		}
	}
	return others;
}

/* Built without cgo, as it says itself: a stripped one does not show that it has no allocator. */
static bool is_pure_go(const struct subject *subject)
{
	return subject->build.cgo_known && !subject->build.cgo && subject->go_in_exe;
}

int ledger_heaps_c(const struct subject *subject, const struct maps *maps,
		   const struct ledger_layer *stacks, struct arena *a, struct ledger_notes *notes,
		   struct ledger_heaps *ret, struct diag *d)
{
	struct c_memory *c = arena_alloc(a, 1, sizeof(*c));
	struct c_heap_source src = {
		.process = subject->process,
		.mem = subject->mem,
		.maps = maps,
	};
	const struct c_range *ranges = NULL;
	struct diag why = DIAG_INIT;
	size_t n = 0;
	int r = -ENOMEM;

	src.others = others_of(&ret->go, stacks, a, &src.n_others);
	if (c && src.others)
		r = c_heap_read(&src, a, c, &ranges, &n, &why);
	if (is_fatal(r)) {
		if (d)
			*d = why;
		return r;
	}
	ret->native = true;
	if (r < 0) {
		ledger_note(notes, "the C heap is unexplained: %s", why.why);
		return 0;
	}
	ret->native = c->allocator != C_ALLOCATOR_NONE &&
		      (c->allocator != C_ALLOCATOR_UNKNOWN || c->counted || !is_pure_go(subject));
	if (!ret->native)
		return 0;
	ret->c_known = c->counted;
	ret->c = (struct ledger_layer){ ranges, n, c_claim_at, 0 };
	ret->c_memory = c;
	for (size_t i = 0; i < c->n_notes && i < ARRAY_SIZE(c->notes); i++)
		ledger_note(notes, "%s", c->notes[i]);
	return 0;
}
