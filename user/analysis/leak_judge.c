// SPDX-License-Identifier: Apache-2.0
#include "analysis/leak_judge.h"

#include <errno.h>
#include <stdlib.h>

#include "analysis/leak_findings.h"
#include "analysis/leak_pattern.h"
#include "analysis/verdict.h"
#include "base/cleanup.h"
#include "model/leaks.h"

static const struct leak_pattern *pattern_of(const struct group *g)
{
	return leak_pattern_find(g->wait_reason, &g->blocked_on, g->clues);
}

/*
 * Go's own detector leaves main out of its profile too (mgc.go, findGoroutineLeaks): a program that
 * has all its work done by others has main wait for ever.
 */
static bool is_main(const struct group *g)
{
	return g->count == 1 && g->n_samples == 1 && g->sample_ids[0] == 1;
}

static void forget(struct group *g)
{
	g->n_proven = g->n_likely = g->n_leak_suspect = 0;
	g->leaked_stack_bytes = g->leaked_heap_bytes = 0;
	g->leaked_heap_known = false;
}

static enum verdict gravest(const struct group *g)
{
	if (g->n_proven)
		return VERDICT_PROVEN;
	return g->n_likely ? VERDICT_LIKELY : VERDICT_SUSPECT;
}

bool leak_is_stuck_lock(const struct group *g)
{
	const struct wait_object *o = &g->blocked_on;

	if (g->system || (o->kind != WAIT_MUTEX && o->kind != WAIT_RWMUTEX) || !o->known)
		return false;
	return group_leaked(g) || g->oldest_wait_ns >= LEAK_LOCK_S * 1000000000ll;
}

enum mark {
	JUDGED,		/* by the wait itself, or there is nothing to say */
	LEAKED,
	STUCK,		/* on a lock that somebody alive could still release */
	MAINS,		/* main's own wait: worth a word, and no leak */
};

static enum mark mark_group(struct group *g)
{
	if (g->system || g->verdict == VERDICT_OK) {
		forget(g);
		return JUDGED;
	}
	if (g->pattern || (!group_leaked(g) && !leak_is_stuck_lock(g)))
		return JUDGED;
	g->pattern = pattern_of(g)->name;
	if (!group_leaked(g)) {
		g->verdict = VERDICT_SUSPECT;
		return STUCK;
	}
	if (is_main(g)) {
		forget(g);
		g->verdict = VERDICT_OK;
		return MAINS;
	}
	g->verdict = gravest(g);
	return LEAKED;
}

static void mark_goroutine(const struct snapshot *s, struct goroutine *g)
{
	const struct group *of = g->group < s->n_groups ? &s->groups[g->group] : NULL;

	if (g->verdict < VERDICT_SUSPECT)
		return;
	if (!of || of->verdict < VERDICT_SUSPECT) {
		g->verdict = of ? of->verdict : VERDICT_UNKNOWN;
		g->pattern = of ? of->pattern : NULL;
		return;
	}
	/* What the wait proves of the whole group is not less for one of it. */
	if (of->n_proven == of->count) {
		g->verdict = of->verdict;
		g->pattern = of->pattern;
		return;
	}
	g->pattern = leak_pattern_find(g->wait_reason, &g->blocked_on, of->clues)->name;
}

/* --- Findings --- */

static uint64_t share(uint64_t bytes, uint64_t part, uint64_t whole)
{
	return (uint64_t)((unsigned __int128)bytes * part / whole);
}

static void tally(const struct snapshot *s, uint32_t group, enum verdict grade, uint64_t count,
		  struct leak_tally *ret)
{
	const struct group *g = &s->groups[group];
	uint64_t all = group_leaked(g);

	*ret = (struct leak_tally){
		.pattern = pattern_of(g),
		.grade = grade,
		.group = group,
		.count = count,
		.stack_bytes = share(g->leaked_stack_bytes, count, all),
		.heap_bytes = share(g->leaked_heap_bytes, count, all),
		.wait_ns = g->leaked_wait_ns,
	};
}

struct entry {
	struct leak_tally tally;
	uint64_t site;
};

static void tally_group(const struct snapshot *s, uint32_t i, struct entry *all, uint32_t *n)
{
	const struct group *g = &s->groups[i];
	const struct {
		enum verdict grade;
		uint64_t count;
	} grades[] = {
		{ VERDICT_PROVEN, g->n_proven },
		{ VERDICT_LIKELY, g->n_likely },
		{ VERDICT_SUSPECT, g->n_leak_suspect },
	};

	for (size_t k = 0; k < ARRAY_SIZE(grades); k++) {
		if (!grades[k].count)
			continue;
		all[*n].site = g->site;
		tally(s, i, grades[k].grade, grades[k].count, &all[*n].tally);
		(*n)++;
	}
}

#define ASCENDING(a, b) (((a) > (b)) - ((a) < (b)))

static int by_site(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int r = ASCENDING(x->site, y->site);

	if (!r)
		r = ASCENDING(x->tally.pattern, y->tally.pattern);
	if (!r)
		r = ASCENDING(x->tally.grade, y->tally.grade);
	if (!r)
		r = ASCENDING(x->tally.stuck, y->tally.stuck);
	if (!r)
		r = -ASCENDING(x->tally.count, y->tally.count);
	return r ? r : ASCENDING(x->tally.group, y->tally.group);
}

static bool same_finding(const struct entry *a, const struct entry *b)
{
	return a->site && a->site == b->site && a->tally.pattern == b->tally.pattern &&
	       a->tally.grade == b->tally.grade && a->tally.stuck == b->tally.stuck;
}

static void merge(struct leak_tally *into, const struct leak_tally *t)
{
	into->count += t->count;
	into->stack_bytes += t->stack_bytes;
	into->heap_bytes += t->heap_bytes;
	if (t->wait_ns > into->wait_ns)
		into->wait_ns = t->wait_ns;
}

static int add_findings(struct snapshot *s, struct entry *all, uint32_t n)
{
	uint32_t distinct = 0;
	int r;

	qsort(all, n, sizeof(*all), by_site);
	for (uint32_t i = 0; i < n; i++) {
		if (distinct && same_finding(&all[distinct - 1], &all[i]))
			merge(&all[distinct - 1].tally, &all[i].tally);
		else
			all[distinct++] = all[i];
	}
	r = snapshot_reserve_findings(s, distinct);
	for (uint32_t i = 0; r == 0 && i < distinct; i++) {
		r = leak_finding(s, &all[i].tally, &s->findings[s->n_findings]);
		s->n_findings += r == 0;
	}
	return r;
}

static int find(struct snapshot *s, const enum mark *marks)
{
	/* Three grades each at most, and main. */
	struct entry *all = calloc((size_t)s->n_groups * 3 + 1, sizeof(*all));
	uint32_t n = 0;
	int r;

	if (!all)
		return -ENOMEM;
	for (uint32_t i = 0; i < s->n_groups; i++) {
		if (marks[i] == LEAKED)
			tally_group(s, i, all, &n);
		if (marks[i] == STUCK) {
			all[n].site = s->groups[i].site;
			all[n++].tally = (struct leak_tally){
				.pattern = pattern_of(&s->groups[i]), .grade = VERDICT_SUSPECT,
				.stuck = true, .group = i, .count = s->groups[i].count,
				.stack_bytes = s->groups[i].stack_bytes,
				.wait_ns = s->groups[i].oldest_wait_ns,
			};
		}
		if (marks[i] == MAINS)
			all[n++].tally = (struct leak_tally){
				.pattern = pattern_of(&s->groups[i]), .explained = true,
				.group = i, .count = 1, .wait_ns = WAIT_UNKNOWN,
			};
	}
	r = add_findings(s, all, n);
	free(all);
	return r;
}

int leak_judge(struct snapshot *s)
{
	enum mark *marks;
	int r;

	if (!s->leaks)
		return 0;
	marks = calloc((size_t)s->n_groups + 1, sizeof(*marks));
	if (!marks)
		return -ENOMEM;
	for (uint32_t i = 0; i < s->n_groups; i++)
		marks[i] = mark_group(&s->groups[i]);
	for (uint64_t i = 0; i < s->n_goroutines; i++)
		mark_goroutine(s, &s->goroutines[i]);
	r = find(s, marks);
	free(marks);
	return r < 0 ? r : verdict_sort(s);
}
