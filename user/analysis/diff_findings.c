// SPDX-License-Identifier: Apache-2.0
/*
 * What of the changes is worth a finding. Two looks do not tell a leak from a pool that is still
 * being filled: growth is a candidate, and suspect only where the lists say that nobody left while
 * others came, in a process that was warm, over a minute or more.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/amount.h"
#include "analysis/count.h"
#include "analysis/diff_parts.h"
#include "analysis/growth_pattern.h"
#include "analysis/leak_pattern.h"
#include "analysis/memory_verdict.h"
#include "base/cleanup.h"
#include "model/memory.h"

enum {
	FOUND_MAX = 20,		/* groups; the tables have the rest */
	GROWN_MIN = 10,		/* goroutines, and a tenth of those before: less is noise */
	COHORT_MIN = 8,		/* whose staying says something */
	NEW_MIN = 50,		/* of a group that was not there before */
	EVIDENCE_MAX = 6,
};
#define SUSPECT_MIN_S 60.0
/* Of a hundred, so many must have stayed: some may be torn in one of the lists. */
#define STAYED_MIN 99

/* Had it run for as long as lies between, when the first was taken? A young one is being filled. */
static bool is_warm(const struct diff *d)
{
	return d->before->uptime_ms >= 0 && (double)d->before->uptime_ms >= d->seconds * 1000;
}

/* --- Goroutines --- */

/* What growth alone makes of it; VERDICT_UNKNOWN: nothing. */
static enum verdict growth_verdict(const struct diff *d, const struct diff_group *g)
{
	int64_t before = diff_group_before(g), grown = diff_group_after(g) - before;

	if (d->relation != DIFF_SAME_PROCESS || grown < GROWN_MIN || grown * 10 < before)
		return VERDICT_UNKNOWN;
	if (before < COHORT_MIN && grown < NEW_MIN)
		return VERDICT_UNKNOWN;
	if (g->stayed < 0) {
		/* Of a crowd that comes and goes none of the few that are named is there still. */
		bool all_left = g->sampled >= LIMIT_SAMPLES && g->stayed_at_least == 0;

		return all_left ? VERDICT_UNKNOWN : VERDICT_CANDIDATE;
	}
	if (g->stayed * 100 < before * STAYED_MIN)
		return VERDICT_UNKNOWN;
	if (before < COHORT_MIN || d->seconds < SUSPECT_MIN_S || !is_warm(d))
		return VERDICT_CANDIDATE;
	return VERDICT_SUSPECT;
}

static const char *counts_evidence(const struct diff *d, const struct diff_group *g,
				   struct arena *a)
{
	char before[COUNT_WORDS], after[COUNT_WORDS], rate[COUNT_WORDS];
	const char *span = amount_span(a, d->seconds);
	double per_min;

	count_words((uint64_t)diff_group_before(g), before);
	count_words((uint64_t)diff_group_after(g), after);
	if (!span)
		return NULL;
	if (!diff_per_min(d, diff_group_before(g), diff_group_after(g), &per_min))
		return arena_printf(a, "%s before, %s after", before, after);
	if (per_min < 10)
		return arena_printf(a, "from %s to %s in %s: +%.1f a minute", before, after, span,
				    per_min);
	return arena_printf(a, "from %s to %s in %s: +%s a minute", before, after, span,
			    count_words((uint64_t)(per_min + 0.5), rate));
}

static const char *stayed_evidence(const struct diff_group *g, struct arena *a)
{
	char stayed[COUNT_WORDS], before[COUNT_WORDS], came[COUNT_WORDS];

	if (g->stayed >= 0 && g->before)
		return arena_printf(a, "%s of the %s that were there stayed, and %s came",
				    count_words((uint64_t)g->stayed, stayed),
				    count_words((uint64_t)diff_group_before(g), before),
				    count_words((uint64_t)g->arrived, came));
	return arena_printf(a, "at least %s of those that were there stayed",
			    count_words((uint64_t)g->stayed_at_least, stayed));
}

static int add_evidence(const struct diff *d, const struct diff_group *g, struct arena *a,
			struct finding *f)
{
	const char **lines = arena_alloc(a, EVIDENCE_MAX, sizeof(*lines));
	uint32_t n = 0;

	if (!lines)
		return -ENOMEM;
	lines[n++] = counts_evidence(d, g, a);
	if (g->before && (g->stayed >= 0 || g->stayed_at_least > 0))
		lines[n++] = stayed_evidence(g, a);
	if (g->after->stack_bytes > 0)
		lines[n++] = arena_printf(a, "their stacks are %s",
					  amount_bytes(a, (double)g->after->stack_bytes));
	if (g->after->created_by)
		lines[n++] = arena_printf(a, "created by %s", g->after->created_by);
	return finding_evidence(f, lines, n);
}

/* What to do about a leak of that name; where it may be a pool, how to find out. */
static const char *advice(const struct diff *d, enum verdict v, const char *pattern, struct arena *a)
{
	const char *repair = growth_advice(pattern);

	if (v >= VERDICT_SUSPECT)
		return repair ? repair : leak_pattern_advice(pattern);
	if (d->relation != DIFF_SAME_PROCESS || d->after->pid <= 0)
		return "compare with a third snapshot: a pool stops growing, a leak does not";
	return arena_printf(a, "`loiter attach %lld`: a pool stops growing, a leak does not",
			    (long long)d->after->pid);
}

static int fill(const struct diff *d, const struct site *site, struct arena *a, struct finding *f)
{
	const struct diff_group *g = &d->sites[site->id];
	enum verdict v = site->verdict;
	int64_t more = diff_group_after(g) - diff_group_before(g);
	char after[COUNT_WORDS], grown[COUNT_WORDS];
	const char *wait = g->after->wait_reason ? g->after->wait_reason : g->after->state;

	*f = (struct finding){
		.pattern = site->pattern ? site->pattern : "growing-group",
		.verdict = v,
		.count = g->after->count,
		.bytes = g->after->stack_bytes,
		.site = g->after->place,
		.group = (uint32_t)site->id,
		.summary = arena_printf(a, "%s goroutines in %.200s, %s more than before",
					count_words(g->after->count, after),
					wait ? wait : "one place", count_words((uint64_t)more, grown)),
	};
	f->advice = advice(d, v, f->pattern, a);
	if (!f->summary || (v < VERDICT_SUSPECT && !f->advice))
		return -ENOMEM;
	return add_evidence(d, g, a, f);
}

static enum verdict verdict_of(const struct diff *d, const struct diff_group *g)
{
	if (!g->after || g->after->system || diff_group_after(g) <= diff_group_before(g))
		return VERDICT_UNKNOWN;
	/* What a look has judged by itself stands. */
	if (g->after->verdict >= VERDICT_SUSPECT)
		return g->after->verdict;
	return growth_verdict(d, g);
}

/* --- Memory --- */

static int64_t value_of(const struct saved_numbers *n, const char *name)
{
	int64_t v = saved_number(n, name);

	return v < 0 ? LOOK_UNKNOWN : v;
}

static int64_t known(int64_t v)
{
	return v < 0 ? LOOK_UNKNOWN : v;
}

static int by_bytes(const void *x, const void *y)
{
	const struct memory_holder *a = x, *b = y;

	return (a->bytes < b->bytes) - (a->bytes > b->bytes);
}

static int add_holders(const struct saved *s, struct arena *a, struct memory_look *l)
{
	struct memory_holder *all = arena_alloc(a, (size_t)s->retained_by.n + 1, sizeof(*all));

	if (!all)
		return -ENOMEM;
	for (uint32_t i = 0; i < s->retained_by.n; i++)
		all[i] = (struct memory_holder){ s->retained_by.all[i].name,
						 (int64_t)s->retained_by.all[i].value,
						 s->retained_by.all[i].path };
	if (s->retained_by.n)
		qsort(all, s->retained_by.n, sizeof(*all), by_bytes);
	l->holders = all;
	l->n_holders = s->retained_by.n;
	l->other_held = known(s->retained_other);
	return 0;
}

static int look_of(const struct saved *s, struct arena *a, struct memory_look *ret)
{
	struct memory_look l = memory_look_unknown();
	const struct {
		int64_t *to;
		enum memory_part part;
	} parts[] = {
		{ &l.go_heap_live, MEMORY_GO_HEAP_LIVE }, { &l.go_heap_free, MEMORY_GO_HEAP_FREE },
		{ &l.go_heap_lazyfree, MEMORY_GO_HEAP_LAZYFREE },
		{ &l.go_stacks, MEMORY_GO_STACKS }, { &l.c_heap_used, MEMORY_C_HEAP_USED },
		{ &l.c_heap_free, MEMORY_C_HEAP_FREE }, { &l.c_mmap, MEMORY_C_MMAP },
		{ &l.thread_stacks, MEMORY_THREAD_STACKS },
		{ &l.unexplained, MEMORY_UNEXPLAINED },
	};

	l.rss = known(s->rss_bytes);
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		*parts[i].to = value_of(&s->parts, memory_part_name(parts[i].part));
	l.heap_alloc = value_of(&s->go, "heap_alloc_bytes");
	l.heap_inuse = value_of(&s->go, "heap_inuse_bytes");
	l.heap_idle = value_of(&s->go, "heap_idle_bytes");
	l.heap_released = value_of(&s->go, "heap_released_bytes");
	l.heap_marked = value_of(&s->go, "heap_marked_bytes");
	l.stack_inuse = value_of(&s->go, "stack_inuse_bytes");
	l.next_gc = value_of(&s->go, "next_gc_bytes");
	l.gogc = value_of(&s->go, "gogc");
	l.memory_limit = value_of(&s->go, "memory_limit_bytes");
	l.num_gc = value_of(&s->go, "num_gc");
	l.c_in_use = value_of(&s->c, "in_use_bytes");
	l.c_free = value_of(&s->c, "free_bytes");
	l.c_mmapped = value_of(&s->c, "mmapped_bytes");
	l.goroutines = known(s->total);
	l.threads = known(s->threads);
	if (add_holders(s, a, &l) < 0)
		return -ENOMEM;
	*ret = l;
	return 0;
}

/* Of a list that was cut at its largest, what is not there had the least of them at most. */
static uint64_t site_before(const struct diff *d, const struct diff_site *s)
{
	const struct saved_sites *all = &d->before->heap_sites;
	uint64_t least = all->n ? UINT64_MAX : 0;

	if (s->before)
		return s->before->value;
	for (uint32_t i = 0; i < all->n; i++)
		if (all->all[i].value < least)
			least = all->all[i].value;
	return least;
}

static int memory_growth(const struct diff *d, struct arena *a, const struct finding **ret,
			 uint32_t *n)
{
	struct memory_look before, after;
	struct memory_growth_source s = { .before = &before, .after = &after,
					  .seconds = d->seconds, .warm = is_warm(d) };
	const struct diff_site *top = d->heap_sites.n ? &d->heap_sites.all[0] : NULL;

	*n = 0;
	/* Another process has another heap, and had another time to fill it. */
	if (d->relation != DIFF_SAME_PROCESS)
		return 0;
	if (look_of(d->before, a, &before) < 0 || look_of(d->after, a, &after) < 0)
		return -ENOMEM;
	if (top && top->after && top->after->site && top->after->value > site_before(d, top)) {
		s.site = top->after->site;
		s.site_bytes = (int64_t)(top->after->value - site_before(d, top));
	}
	return memory_verdict_growth(&s, a, ret, n);
}

/* Most severe first; else in the order that they were found in. */
static void sort_findings(struct finding *all, uint32_t n)
{
	for (uint32_t i = 1; i < n; i++) {
		struct finding f = all[i];
		uint32_t k = i;

		for (; k && all[k - 1].verdict < f.verdict; k--)
			all[k] = all[k - 1];
		all[k] = f;
	}
}

/* The groups that are worth a finding, as sites that grow; site.id is the index in d->sites. */
static uint32_t pick(const struct diff *d, struct site *sites, struct group *groups)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < d->n_sites && n < FOUND_MAX; i++) {
		const struct saved_group *g = d->sites[i].after;
		enum verdict v = verdict_of(d, &d->sites[i]);

		if (v == VERDICT_UNKNOWN)
			continue;
		sites[n] = (struct site){ .id = i, .group = n, .grows = true, .verdict = v,
					  .pattern = g->pattern };
		groups[n++] = (struct group){ .state = g->go_state, .wait_reason = g->wait_reason,
					      .stack = g->stack, .blocked_on = g->wait };
	}
	return n;
}

/* As attach would name them; only what is judged by its growth is named by that. */
static void name(const struct diff *d, struct site *sites, struct group *groups, uint32_t n)
{
	const struct snapshot s = { .groups = groups, .n_groups = n,
				    .process.module = d->after->module };
	enum verdict own[FOUND_MAX];

	for (uint32_t i = 0; i < n; i++) {
		own[i] = sites[i].verdict;
		if (own[i] == VERDICT_CANDIDATE)
			sites[i].verdict = VERDICT_SUSPECT;
	}
	growth_name(&s, sites, n);
	for (uint32_t i = 0; i < n; i++)
		sites[i].verdict = own[i];
}

int diff_findings(struct diff *d, struct arena *a)
{
	struct site sites[FOUND_MAX];
	struct group groups[FOUND_MAX];
	const struct finding *memory = NULL;
	uint32_t n_memory = 0, picked, n = 0;
	struct finding *all;
	int r = memory_growth(d, a, &memory, &n_memory);

	if (r < 0)
		return r;
	all = arena_alloc(a, (size_t)FOUND_MAX + n_memory + 1, sizeof(*all));
	if (!all)
		return -ENOMEM;
	picked = pick(d, sites, groups);
	name(d, sites, groups, picked);
	for (uint32_t i = 0; i < picked; i++) {
		/* The other half of a pair, of which the one is told. */
		if (sites[i].echo && sites[i].verdict <= VERDICT_SUSPECT)
			continue;
		r = fill(d, &sites[i], a, &all[n++]);
		if (r < 0)
			return r;
	}
	if (n_memory)
		memcpy(all + n, memory, n_memory * sizeof(*all));
	n += n_memory;
	r = diff_timers(d, a, &all[n]);
	if (r < 0)
		return r;
	d->findings = all;
	d->n_findings = n + (uint32_t)r;
	sort_findings(all, d->n_findings);
	return 0;
}
