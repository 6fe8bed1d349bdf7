// SPDX-License-Identifier: Apache-2.0
/* What has to be copied in the pause, as far as it can be known before. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/span.h"
#include "collect/exact_parts.h"
#include "goruntime/goroutines.h"
#include "model/limits.h"

enum {
	SUDOG_BYTES = 256,	/* 88 to 104 */
	/* Cases of one select whose channels are looked up. */
	CASES = 1024,
};

int exact_ranges_add(struct exact_ranges *r, uint64_t start, uint64_t end)
{
	if (start >= end)
		return 0;
	if (r->n == r->room) {
		size_t room = r->room ? 2 * r->room : 1024;
		struct frozen_range *more = reallocarray(r->all, room, sizeof(*more));

		if (!more)
			return -ENOMEM;
		r->all = more;
		r->room = room;
	}
	r->all[r->n++] = (struct frozen_range){ start, end };
	r->bytes += end - start;
	return 0;
}

static int by_start(const void *a, const void *b)
{
	const struct frozen_range *x = a, *y = b;

	return (x->start > y->start) - (x->start < y->start);
}

void exact_ranges_join(struct exact_ranges *r)
{
	size_t n = 0;

	if (r->n)
		qsort(r->all, r->n, sizeof(*r->all), by_start);
	for (size_t i = 0; i < r->n; i++) {
		struct frozen_range *last = n ? &r->all[n - 1] : NULL;

		if (!last || r->all[i].start > last->end)
			r->all[n++] = r->all[i];
		else if (r->all[i].end > last->end)
			last->end = r->all[i].end;
	}
	r->n = n;
}

void exact_ranges_done(struct exact_ranges *r)
{
	free(r->all);
}

static int add(void *arg, uint64_t start, uint64_t end)
{
	return exact_ranges_add(arg, start, end);
}

int exact_plan_heap(struct go_heap *heap, struct exact_ranges *ret, struct diag *d)
{
	return go_heap_footprint(heap, add, ret, d);
}

static uint64_t bytes_beyond(const struct exact_ranges *now, const struct exact_ranges *plan)
{
	uint64_t sum = 0;

	for (size_t i = 0, k = 0; i < now->n; i++) {
		uint64_t at = now->all[i].start, end = now->all[i].end;

		while (k < plan->n && plan->all[k].end <= at)
			k++;
		for (size_t p = k; at < end; p++) {
			uint64_t till = p < plan->n && plan->all[p].start < end ? plan->all[p].start
										: end;

			sum += till > at ? till - at : 0;
			at = till == end ? end : plan->all[p].end;
		}
	}
	return sum;
}

int exact_plan_growth(const struct go_heap *heap, struct exact_ranges *plan, uint64_t *ret,
		      struct diag *d)
{
	CLEANUP(arena_free_p) struct arena *a = arena_new();
	struct exact_ranges now = { 0 };
	struct go_heap *look;
	int r = a ? go_heap_look_again(heap, a, &look, d) : -ENOMEM;

	if (r == 0)
		r = exact_plan_heap(look, &now, d);
	if (r == 0) {
		exact_ranges_join(&now);
		exact_ranges_join(plan);
		*ret = bytes_beyond(&now, plan);
	}
	exact_ranges_done(&now);
	return r;
}

static bool is_variables(const struct mapping *m)
{
	return m->readable && m->writable && !m->shared && m->path[0] == '/';
}

int exact_plan_variables(const struct maps *maps, struct exact_ranges *ret)
{
	uint64_t end = 0;
	int r = 0;

	for (size_t i = 0; i < maps->n && r == 0; i++) {
		const struct mapping *m = &maps->all[i];
		/* .bss: what of it lies beyond the last page of the file. */
		bool behind = end && m->start == end && m->writable && !m->ino && !m->path[0];

		if (is_variables(m) || behind) {
			r = exact_ranges_add(ret, m->start, m->end);
			end = behind ? 0 : m->end;
		} else {
			end = 0;
		}
	}
	return r;
}

int exact_plan_constants(const struct maps *maps, struct exact_ranges *ret)
{
	int r = 0;

	for (size_t i = 0; i < maps->n && r == 0; i++) {
		const struct mapping *m = &maps->all[i];

		if (m->readable && !m->writable && m->path[0] == '/')
			r = exact_ranges_add(ret, m->start, m->end);
	}
	/* One read may begin in a file's code and end in its types. */
	exact_ranges_join(ret);
	return r;
}

/* --- Channels without pointers --- */

struct waits {
	struct go_runtime *rt;
	struct exact_ranges *ret;
	int err;
};

/* The channels in the sudogs that hang on g.waiting; those of a select by waitlink. */
static bool add_waits(void *arg, const struct go_g *g)
{
	struct waits *w = arg;
	const struct go_layout *l = &w->rt->layout;
	uint64_t at = go_state_is_parked(g->state) ? g->waiting : 0;

	for (int i = 0; at && i < CASES && w->err == 0; i++) {
		uint8_t bytes[SUDOG_BYTES];
		struct span s = span_of(bytes, (size_t)l->sudog_size);
		uint64_t c;

		if (l->sudog_size > SUDOG_BYTES || at % 8 ||
		    mem_read(w->rt->chase, at, bytes, (size_t)l->sudog_size) < 0)
			break;
		c = span_u64(&s, (uint32_t)l->sudog_c);
		if (c && c % 8 == 0 && c < 1ull << 47)
			w->err = exact_ranges_add(w->ret, c, c + (uint32_t)l->hchan_size);
		at = span_u64(&s, (uint32_t)l->sudog_waitlink);
	}
	return true;
}

static int visit_none(void *arg, const struct go_walk *w)
{
	(void)arg;
	(void)w;
	return 0;
}

int exact_plan_waits(struct go_runtime *rt, struct exact_ranges *ret, struct diag *d)
{
	struct waits w = { .rt = rt, .ret = ret };
	const struct scan_options o = { .visit = visit_none, .known = add_waits, .arg = &w };
	struct scan_stats stats;
	int r = goroutines_scan(rt, &o, &stats, d);

	return r < 0 ? r : w.err;
}
