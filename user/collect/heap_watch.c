// SPDX-License-Identifier: Apache-2.0
#include "collect/heap_watch.h"

#include <errno.h>
#include <stdlib.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "analysis/c_heap_findings.h"
#include "analysis/malloc_sites.h"
#include "base/addrmap.h"
#include "base/clock.h"
#include "collect/collector.h"
#include "collect/mixed_stack.h"
#include "collect/survivor_watch.h"
#include "trace/calibrate.h"
#include "trace/mallocs.h"
#include "trace/pace.h"

/* Unwinding takes some 30 us each; sites keep their names for as long as we watch. */
enum { UNWOUND_MAX = 1024, NAMED_MAX = 4096 };

/* The stacks of one site. */
struct named {
	struct stack c, go;
};

struct heap_watch {
	struct mallocs_trace *trace;
	struct mixed_source source;
	const struct calibration *calibration;
	struct malloc_book *book;
	struct survivor_watch *watched;
	struct addrmap *by_site;	/* of named */
	struct named *named;
	uint32_t n_named;
	struct arena *names;		/* of all sites */
	struct arena *arena;		/* of the last look */
	struct c_heap now;
	struct c_heap_trend *trend;
	double elapsed_s;		/* of all looks */
};

int heap_watch_open(const struct collector_source *src, struct heap_watch **ret, struct diag *d)
{
	CLEANUP(heap_watch_close_p) struct heap_watch *w = calloc(1, sizeof(*w));
	struct mallocs_trace_args args = { .sample_every = 1 };
	int r;

	if (!w)
		return -ENOMEM;
	w->source = (struct mixed_source){ src->modules, src->rt };
	w->calibration = src->calibration;
	args.for_all = w->calibration && w->calibration->multi &&
		       !w->calibration->pid_covers_threads;
	w->book = malloc_book_new();
	w->by_site = addrmap_new();
	w->named = calloc(NAMED_MAX, sizeof(*w->named));
	w->names = arena_new();
	w->trend = c_heap_trend_new();
	if (!w->trend || !w->book || !w->by_site || !w->named || !w->names)
		return -ENOMEM;
	r = mallocs_trace_open(src->process, src->target, &args, &w->trace, d);
	if (r < 0)
		return r;
	w->watched = survivor_watch_new(src, w->book, w->trace);
	if (!w->watched)
		return -ENOMEM;
	*ret = TAKE(w);
	return 0;
}

void heap_watch_close(struct heap_watch *w)
{
	if (!w)
		return;
	survivor_watch_free(w->watched);
	mallocs_trace_close(w->trace);
	malloc_book_free(w->book);
	c_heap_trend_free(w->trend);
	addrmap_free(w->by_site);
	arena_free(w->names);
	arena_free(w->arena);
	free(w->named);
	free(w);
}

int heap_watch_arm(struct heap_watch *w, struct diag *d)
{
	return mallocs_trace_arm(w->trace, d);
}

void heap_watch_disarm(struct heap_watch *w)
{
	mallocs_trace_disarm(w->trace);
}

/* What malloc(), which has just returned, was called from: C alone. */
static int unwind_c(struct heap_watch *w, const struct traced_malloc_survivor *s,
		    struct mixed_stack *c)
{
	int r = mixed_stack_unwind(&w->source, &s->stack, true, NULL, 0, c);

	if (r < 0)
		return r;
	/* The goroutine's stack goes on where Go begins. */
	for (uint32_t i = 0; i < c->n; i++) {
		if (mixed_stack_is_go(&w->source, c->pcs[i])) {
			c->goroutine = c->n = i;
			c->truncated = false;
			break;
		}
	}
	return 0;
}

static int name_go(struct heap_watch *w, const struct traced_malloc_survivor *s, struct stack *ret)
{
	struct mixed_stack go;

	mixed_stack_take(s->go_pcs, s->n_go_pcs, true, &go);
	go.goroutine = 0;	/* it is of one from its first frame on */
	return mixed_stack_name(&w->source, &go, w->names, ret);
}

static int name_site(struct heap_watch *w, uint64_t site, const struct mixed_stack *c,
		     const struct traced_malloc_survivor *s)
{
	struct named *named = &w->named[w->n_named];
	uint32_t index;
	int r;

	if (addrmap_get(w->by_site, site, &index) == 0)
		return 0;
	if (w->n_named == NAMED_MAX)
		return -ENOSPC;
	*named = (struct named){ 0 };
	r = mixed_stack_name(&w->source, c, w->names, &named->c);
	if (r == 0 && s->n_go_pcs)
		r = name_go(w, s, &named->go);
	if (r == 0)
		r = addrmap_put(w->by_site, site, w->n_named);
	if (r < 0)
		return r;
	w->n_named++;
	return 0;
}

static uint64_t hash_site(const struct mixed_stack *c, const struct traced_malloc_survivor *s)
{
	uint64_t h = XXH3_64bits_withSeed(s->go_pcs, s->n_go_pcs * sizeof(s->go_pcs[0]),
					  mixed_stack_hash(c));

	return h ? h : 1;
}

static int add_survivor(struct heap_watch *w, const struct traced_malloc_survivor *s)
{
	struct mixed_stack c;
	uint64_t site;
	int r = unwind_c(w, s, &c);

	if (r < 0)
		return r;
	site = hash_site(&c, s);
	if (malloc_book_full(w->book, site)) {
		mallocs_trace_forget(w->trace, s->id);
		return 0;
	}
	r = name_site(w, site, &c, s);
	return r < 0 ? r : malloc_book_add(w->book, site, s);
}

static int add_all(struct heap_watch *w, const struct traced_mallocs *t, struct c_heap *now)
{
	/* One of each `step` stands for all: they are alike in all but the choice. */
	size_t step = t->n_survivors / UNWOUND_MAX + 1;

	for (size_t i = 0; i < t->n_survivors; i++) {
		int r = i % step ? -ENOSPC : add_survivor(w, &t->survivors[i]);

		if (r < 0 && r != -ENOSPC)
			return r;
		if (r == 0)
			continue;
		mallocs_trace_forget(w->trace, t->survivors[i].id);
		now->lost++;
	}
	for (size_t i = 0; i < t->n_ends; i++)
		malloc_book_end(w->book, &t->ends[i]);
	return 0;
}

static int list_sites(struct heap_watch *w, uint64_t min_age_ns, struct c_heap *now)
{
	struct malloc_site *sites;
	size_t n;
	int r = malloc_book_sites(w->book, clock_now_ns(CLOCK_MONOTONIC), min_age_ns, w->arena,
				  &sites, &n);

	if (r < 0)
		return r;
	now->sites = arena_alloc(w->arena, n + 1, sizeof(*now->sites));
	if (!now->sites)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		const struct malloc_site *s = &sites[i];
		uint32_t index;

		if (addrmap_get(w->by_site, s->site, &index) < 0)
			continue;
		now->sites[now->n_sites++] = (struct c_heap_site){
			.id = s->site,
			.c = w->named[index].c,
			.go = w->named[index].go,
			.survivors = s->survivors,
			.gone = s->gone,
			.here = s->here,
			.here_bytes = s->here_bytes,
			.aged = s->aged,
			.aged_bytes = s->aged_bytes,
			.oldest_ns = s->oldest_ns,
			.rewritten = s->rewritten,
			.touched = s->touched,
			.untouched = s->untouched,
			.watching = s->watching,
			.watched_s = (double)s->watched_ns / 1e9,
			.share = s->share,
			.in_use = s->in_use,
			.candidate = s->candidate,
			.suspect = s->suspect,
		};
	}
	return 0;
}

int heap_watch_look(struct heap_watch *w, uint64_t min_age_ns, const struct c_heap **ret,
		    struct diag *d)
{
	struct traced_mallocs t;
	struct c_heap now = { 0 };
	int r;

	arena_free(w->arena);
	w->arena = arena_new();
	if (!w->arena)
		return -ENOMEM;
	(void)d;
	r = mallocs_trace_collect(w->trace, w->arena, &t);
	if (r == 0)
		r = add_all(w, &t, &now);
	if (r == 0)
		r = survivor_watch_look(w->watched);
	if (r == 0)
		r = list_sites(w, min_age_ns, &now);
	if (r < 0)
		return r;
	now.unwatched = survivor_watch_refused(w->watched);
	now.bursts = t.bursts;
	now.armed_ns = t.armed_ns;
	now.hits = t.entry_hits + t.return_hits + t.outside;
	now.allocs = t.allocs;
	now.bytes = t.bytes;
	now.lost += t.lost;
	w->now = now;
	*ret = &w->now;
	return 0;
}

/* --- As a collector --- */

/* Of age: what lives longer than a request. */
#define AGED_NS 10000000000u

static int collector_open(const struct collector_source *src, void **ret, struct diag *d)
{
	struct heap_watch *w;
	int r = heap_watch_open(src, &w, d);

	if (r == 0)
		*ret = w;
	return r;
}

static void collector_close(void *w)
{
	heap_watch_close(w);
}

static bool collector_paced(void *arg, struct pace_collector *ret)
{
	struct heap_watch *w = arg;

	mallocs_trace_collector(w->trace, w->calibration, ret);
	return true;
}

static void collector_steady(void *arg, struct pace_collector *ret)
{
	struct heap_watch *w = arg;

	survivor_watch_pace(w->watched, ret);
}

static int collector_look(void *arg, const struct collector_span *span, struct activity *ret,
			  struct diag *d)
{
	struct heap_watch *w = arg;
	int r = heap_watch_look(w, AGED_NS, &ret->c_heap, d);

	w->elapsed_s += span->span_s;
	if (r == 0)
		ret->collectors[COLLECTOR_MEMORY].lost += ret->c_heap->lost;
	return r;
}

/* The memory collector's maps say how large the C heap is: both are asked for together. */
static int collector_findings(void *arg, const struct activity *now, struct arena *a,
			      const struct finding **ret, uint32_t *n)
{
	struct heap_watch *w = arg;
	struct c_heap_growth g;

	*n = 0;
	if (!now->c_heap || !now->memory)
		return 0;
	g = c_heap_trend_add(w->trend, w->elapsed_s, now->memory->parts.c_heap);
	return c_heap_findings(now->c_heap, &g, (double)AGED_NS / 1e9, NULL, a, ret, n);
}

const struct collector_ops heap_watch_collector = {
	.which = COLLECTOR_MEMORY,
	.probes = true,
	.open = collector_open,
	.close = collector_close,
	.paced = collector_paced,
	.steady = collector_steady,
	.look = collector_look,
	.findings = collector_findings,
};
