// SPDX-License-Identifier: Apache-2.0
#include "collect/memory_watch.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "analysis/mappings.h"
#include "analysis/memory_climb.h"
#include "analysis/memory_findings.h"
#include "base/clock.h"
#include "collect/collector.h"
#include "collect/memory_parts.h"
#include "collect/memory_stacks.h"
#include "trace/memory.h"
#include "trace/pace.h"

enum {
	RING_BYTES = 512 << 10,		/* some 190 samples of an interval */
	/* A page fault that is given to its site costs ten times one that is not. */
	FAULT_SITE_EVERY = 16,
	FAULT_SAMPLE_EVERY = 4,
	SAMPLES_PER_SITE = 8,
	SITES_MAX = 64,
};

/* Being armed for good takes some 15 ms to begin with, here. */
#define GAP_MAX_S 0.04

struct memory_watch {
	const struct process *process;
	struct go_runtime *rt;
	struct mem *live;
	struct memory_trace *trace;
	struct memory_stacks *stacks;
	struct mappings *book;
	struct memory_climb *climb;
	struct timespec opened;
	double unbroken_s;		/* for so long all calls have been seen */
	uint32_t unbroken;		/* in looks */
	double watched_s, seen_s;
	uint64_t first_peak_bytes;	/* of the process's life, at the first look; 0: none yet */
	/* Of the last look; in its arena. */
	struct memory_activity now;
	uint64_t book_lost;
};

int memory_watch_open(const struct collector_source *src, struct memory_watch **ret,
		      struct diag *d)
{
	CLEANUP(memory_watch_close_p) struct memory_watch *w = calloc(1, sizeof(*w));
	const struct mixed_source source = { src->modules, src->rt };
	const struct memory_trace_args args = {
		.brk = memory_trace_brk(src->process),
		.fault_site_every = FAULT_SITE_EVERY,
		.fault_sample_every = FAULT_SAMPLE_EVERY,
		.ring_bytes = RING_BYTES,
		.samples_per_site = SAMPLES_PER_SITE,
	};
	int r;

	if (!w)
		return -ENOMEM;
	w->process = src->process;
	w->rt = src->rt;
	w->live = src->live;
	w->stacks = memory_stacks_new(&source);
	w->book = mappings_new();
	w->climb = memory_climb_new();
	if (!w->stacks || !w->book || !w->climb)
		return -ENOMEM;
	r = memory_trace_open(src->target, &args, &w->trace, d);
	if (r < 0)
		return r;
	clock_gettime(CLOCK_MONOTONIC, &w->opened);
	*ret = TAKE(w);
	return 0;
}

void memory_watch_close(struct memory_watch *w)
{
	if (!w)
		return;
	memory_trace_close(w->trace);
	memory_stacks_free(w->stacks);
	mappings_free(w->book);
	memory_climb_free(w->climb);
	free(w);
}

void memory_watch_pace(struct memory_watch *w, struct pace_collector *ret)
{
	memory_trace_collector(w->trace, ret);
}

/* --- The book of mappings --- */

static int add_range(struct memory_watch *w, const struct traced_memory_range *range)
{
	uint64_t id;
	int r = 0;

	if (!range->had)
		return mappings_cut(w->book, range->addr, range->bytes);
	id = memory_stacks_of(w->stacks, range->kind, range->site, range->addr);
	if (!range->moved_bytes)
		return mappings_add(w->book, range->addr, range->bytes, id);
	r = mappings_move(w->book, range->moved_from, range->moved_bytes, range->addr);
	if (r < 0 || range->bytes <= range->moved_bytes)
		return r;
	/* The rest of it is new; what was there before may be nobody's that we know. */
	return mappings_add(w->book, range->addr + range->moved_bytes,
			    range->bytes - range->moved_bytes, id);
}

static int keep_book(struct memory_watch *w, const struct traced_memory *t,
		     const struct memory_map *map)
{
	int r = 0;

	for (size_t i = 0; i < t->n_ranges; i++) {
		r = add_range(w, &t->ranges[i]);
		/* A full book says so itself. */
		if (r < 0 && r != -ENOSPC)
			return r;
	}
	r = mappings_verify(w->book, map->anonymous, map->n_anonymous);
	return r == -ENOSPC ? 0 : r;
}

static int list_growing(struct memory_watch *w, struct arena *a, struct memory_activity *ret)
{
	struct mapped_site *sites;
	struct memory_growth *all;
	size_t n;
	int r = mappings_look(w->book, clock_since_s(w->opened), w->unbroken, a, &sites, &n);

	if (r < 0)
		return r;
	all = arena_alloc(a, n + 1, sizeof(*all));
	if (!all)
		return -ENOMEM;
	for (size_t i = 0; i < n && sites[i].grows; i++) {
		const struct memory_stack *m = memory_stacks_get(w->stacks, sites[i].site);

		if (!m)
			continue;
		all[ret->n_growing] = (struct memory_growth){
			.kind = m->kind,
			.origin = m->origin,
			.stack = m->stack,
			.bytes = sites[i].bytes,
			.calls = sites[i].calls,
			.had_bytes = m->had.bytes,
			.grown = sites[i].grown,
			.window_s = sites[i].window_s,
			.bytes_per_min = sites[i].bytes_per_min,
			.then = sites[i].then,
			.stayed = sites[i].stayed,
			.age_s = sites[i].age_s,
		};
		ret->n_growing += memory_growth_is_its_own(&all[ret->n_growing], w->unbroken_s);
	}
	ret->growing = all;
	return 0;
}

/* --- A look --- */

static void note_seen(struct memory_watch *w, const struct collector_span *span)
{
	w->watched_s += span->span_s;
	w->seen_s += span->seen * span->span_s;
	if ((1 - span->seen) * span->span_s <= GAP_MAX_S) {
		w->unbroken_s += span->span_s;
		w->unbroken++;
	} else {
		w->unbroken_s = 0;
		w->unbroken = 0;
	}
}

/*
 * The kernel keeps the peak of the process's life: one that is new was reached while we watched.
 * Else it is the highest that we know of; its parts may have had their peaks at different times.
 */
static uint64_t peak_of(struct memory_watch *w, const struct traced_memory *t,
			const struct memory_map *map)
{
	uint64_t traced = t->peak_anon_bytes + t->peak_file_bytes + t->peak_shared_bytes;
	uint64_t now = map->parts.rss_anon + map->parts.rss_file + map->parts.rss_shared;

	if (!w->first_peak_bytes)
		w->first_peak_bytes = map->peak_rss_bytes;
	if (traced < now)
		traced = now;
	if (map->peak_rss_bytes && (map->peak_rss_bytes > w->first_peak_bytes ||
				    traced > map->peak_rss_bytes))
		return map->peak_rss_bytes;
	return traced;
}

int memory_watch_look(struct memory_watch *w, const struct collector_span *span,
		      const struct memory_activity **ret, uint64_t *lost, struct diag *d)
{
	struct memory_activity now = { .seen = span->seen };
	uint64_t book_lost;
	struct traced_memory t;
	struct memory_map map;
	int r = memory_trace_collect(w->trace, span->arena, &t);

	note_seen(w, span);
	if (r == 0)
		r = memory_map_read(w->process, w->rt, w->live, span->arena, &map, d);
	if (r == 0)
		r = memory_stacks_learn(w->stacks, &t);
	if (r == 0)
		r = keep_book(w, &t, &map);
	if (r == 0)
		r = list_growing(w, span->arena, &now);
	if (r == 0)
		r = memory_stacks_sites(w->stacks, &t, SITES_MAX, span->arena, &now.sites,
					&now.n_sites);
	if (r == 0)
		r = memory_climb_add(w->climb, clock_since_s(w->opened), &map.parts, span->arena,
				     &now.climbs);
	if (r < 0)
		return r;
	for (int k = 0; k < TRACED_MEMORY_KINDS; k++)
		now.totals[k] = t.totals[k];
	now.parts = map.parts;
	now.peak_rss_bytes = peak_of(w, &t, &map);
	book_lost = mappings_lost(w->book);
	*lost = t.lost_sites + t.lost_ranges + book_lost - w->book_lost;
	w->book_lost = book_lost;
	w->now = now;
	*ret = &w->now;
	return 0;
}

int memory_watch_findings(struct memory_watch *w, struct arena *a, const struct finding **ret,
			  uint32_t *n)
{
	const struct memory_findings_source source = {
		.memory = &w->now,
		.unbroken_s = w->unbroken_s,
		.seen = w->watched_s > 0 ? w->seen_s / w->watched_s : 0,
		.other_per_min = memory_climb_other_per_min(w->climb),
	};

	return memory_findings(&source, a, ret, n);
}

/* --- As a collector --- */

static int collector_open(const struct collector_source *src, void **ret, struct diag *d)
{
	struct memory_watch *w;
	int r = memory_watch_open(src, &w, d);

	if (r == 0)
		*ret = w;
	return r;
}

static void collector_close(void *w)
{
	memory_watch_close(w);
}

static bool collector_paced(void *w, struct pace_collector *ret)
{
	memory_watch_pace(w, ret);
	return true;
}

static int collector_look(void *w, const struct collector_span *span, struct activity *ret,
			  struct diag *d)
{
	uint64_t lost = 0;
	int r = memory_watch_look(w, span, &ret->memory, &lost, d);

	ret->collectors[COLLECTOR_MEMORY].lost += lost;
	return r;
}

static int collector_findings(void *w, const struct activity *now, struct arena *a,
			      const struct finding **ret, uint32_t *n)
{
	/* Of a look that failed nothing is known, and what was before is gone. */
	if (!now->memory) {
		*n = 0;
		return 0;
	}
	return memory_watch_findings(w, a, ret, n);
}

const struct collector_ops memory_watch_collector = {
	.which = COLLECTOR_MEMORY,
	.open = collector_open,
	.close = collector_close,
	.paced = collector_paced,
	.look = collector_look,
	.findings = collector_findings,
};
