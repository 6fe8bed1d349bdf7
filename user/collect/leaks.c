// SPDX-License-Identifier: Apache-2.0
#include "collect/leaks.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "analysis/leak_rounds.h"
#include "base/addrmap.h"
#include "base/clock.h"
#include "collect/exact_pass.h"
#include "collect/holders.h"
#include "collect/leak_cost.h"
#include "collect/leaks_exact.h"
#include "collect/leaks_fill.h"
#include "collect/reach_pass.h"
#include "collect/subject.h"
#include "goruntime/goruntime.h"
#include "model/limits.h"

/* Passes in a row that may say nothing. */
#define PASS_TRIES 8

/* Without a stop: what is known so far. */
struct search {
	struct go_runtime *rt;
	const struct leaks_options *o;
	struct arena *arena;		/* the answer's */
	struct reach_pass *pass;	/* the last one */
	struct arena *pass_arena;	/* of its heap */
	struct go_heap *heap;		/* the one that it looked at */
	struct stale_words *stale;	/* of the last search */
	struct addrmap *alive;		/* parks that some pass reached, or some search found held */
	struct addrmap *left;		/* parks that every pass found dead */
	uint64_t *words;		/* what the alive wait on: roots of the next pass */
	size_t n_words, words_room;
	struct leak_rounds rounds;
	uint32_t passes;
	struct timespec start;
	double cpu_start;
	const char *why_not;		/* of a pass: it says nothing about anybody */
};

static uint64_t max_bytes(const struct leaks_options *o)
{
	return o->max_bytes ? o->max_bytes : LIMIT_GRAPH_BYTES;
}

/* --- Sticky: what was alive once stays alive --- */

static int add_word(struct search *s, uint64_t word)
{
	if (s->n_words == s->words_room) {
		size_t room = s->words_room ? s->words_room * 2 : 1024;
		uint64_t *words = realloc(s->words, room * sizeof(*words));

		if (!words)
			return -ENOMEM;
		s->words = words;
		s->words_room = room;
	}
	s->words[s->n_words++] = word;
	return 0;
}

static bool is_in(const struct addrmap *m, uint64_t park)
{
	uint32_t ignored;

	return addrmap_get(m, park, &ignored) == 0;
}

/* The waits of those in the pass that were ever alive. */
static int collect_words(struct search *s)
{
	s->n_words = 0;
	for (uint32_t i = 0; i < s->pass->n_parked; i++) {
		const uint64_t *waits;
		uint32_t n = 0;

		if (!is_in(s->alive, s->pass->parked[i].park))
			continue;
		waits = reach_pass_waits(s->pass, i, &n);
		for (uint32_t k = 0; k < n; k++)
			if (add_word(s, waits[k]) < 0)
				return -ENOMEM;
	}
	return 0;
}

/* Those that the pass calls dead, and nothing before it alive, are left; `held` are not. */
static int sift(struct search *s, const bool *held)
{
	CLEANUP(addrmap_free_p) struct addrmap *left = addrmap_new();
	uint64_t before = s->rounds.left;
	int r = left ? 0 : -ENOMEM;

	for (uint32_t i = 0; i < s->pass->n_parked && r == 0; i++) {
		const struct reach_parked *p = &s->pass->parked[i];

		if (p->forever)
			continue;
		if (!p->dead || (held && held[i]))
			r = addrmap_put(s->alive, p->park, 0);
		else if (!s->left || is_in(s->left, p->park))
			r = addrmap_put(left, p->park, 0);
	}
	if (r < 0)
		return r;
	s->rounds.left = addrmap_count(left);
	if (s->left && s->rounds.left < before)
		s->rounds.quiet = 0;
	addrmap_free(s->left);
	s->left = TAKE(left);
	return collect_words(s);
}

/* --- A round --- */

/* Our own time is what it costs; on a machine that has none to spare, it is longer by the clock. */
static enum leak_limit met_limit(const struct search *s)
{
	double n = s->passes ? s->passes : 1, spent = clock_since_s(s->start);
	double cpu = clock_now_s(CLOCK_PROCESS_CPUTIME_ID) - s->cpu_start;
	double most = s->o->max_s ? s->o->max_s : LEAKS_MAX_S;

	if (s->passes >= (s->o->max_passes ? s->o->max_passes : LEAKS_MAX_PASSES))
		return LEAK_LIMIT_PASSES;
	if (s->o->wish == LEAKS_IF_CHEAP &&
	    (cpu + cpu / n > LEAK_CHEAP_S || spent + spent / n > LEAK_CHEAP_SPAN_S))
		return LEAK_LIMIT_COST;
	return spent + spent / n > most ? LEAK_LIMIT_TIME : LEAK_LIMIT_NONE;
}

static int try_pass(struct search *s, struct diag *d)
{
	struct reach_source src = {
		.rt = s->rt, .arena = s->arena, .max_bytes = max_bytes(s->o),
		.words = s->words, .n_words = s->n_words,
	};
	int r;

	reach_pass_free(s->pass);
	s->pass = NULL;
	arena_free(s->pass_arena);
	s->pass_arena = arena_new();
	if (!s->pass_arena)
		return -ENOMEM;
	r = go_heap_open(s->rt, s->pass_arena, &s->heap, d);
	src.heap = s->heap;
	return r < 0 ? r : reach_pass_take(&src, &s->pass, d);
}

/* A process that runs may hide something from one pass, which then says nothing, and not from the next. */
static int take_pass(struct search *s, struct diag *d)
{
	for (int i = 0; i < PASS_TRIES; i++) {
		int r = try_pass(s, d);

		if (r < 0)
			return r;
		s->passes++;
		s->why_not = s->pass->why_not;
		if (!s->why_not)
			return sift(s, NULL);
		if (met_limit(s) != LEAK_LIMIT_NONE)
			break;
	}
	return 0;
}

static int search_holders(struct search *s, struct diag *d)
{
	bool *wanted = calloc(s->pass->n_parked + 1, sizeof(*wanted));
	struct holders_source src = {
		.rt = s->rt, .pass = s->pass, .heap = s->heap, .stale = s->stale,
		.wanted = wanted, .seed = addrmap_seed(), .max_bytes = max_bytes(s->o) / 4,
	};
	struct holders_found found = { 0 };
	int r = wanted ? 0 : -ENOMEM;

	for (uint32_t i = 0; wanted && i < s->pass->n_parked; i++)
		wanted[i] = s->pass->parked[i].dead && is_in(s->left, s->pass->parked[i].park);
	if (r == 0)
		r = holders_search(&src, &found, d);
	if (r == 0) {
		if (found.why_not) {
			s->rounds.failed++;
		} else if (!found.blind) {
			s->rounds.rounds++;
			s->rounds.quiet++;
		}
		s->rounds.fast += (double)found.fresh_bytes > (double)found.bytes * LEAK_FRESH_MAX;
		r = sift(s, found.held);
	}
	holders_done(&found);
	free(wanted);
	return r;
}

/* Until there are enough; the last one is followed by a pass, for what was held holds others. */
static int run_rounds(struct search *s, struct diag *d)
{
	int r = take_pass(s, d);

	while (r == 0 && !s->why_not && !leak_rounds_done(&s->rounds)) {
		s->rounds.limit = met_limit(s);
		if (s->rounds.limit != LEAK_LIMIT_NONE)
			break;
		r = search_holders(s, d);
		if (r == 0)
			r = take_pass(s, d);
		if (s->o->progress)
			s->o->progress(s->o->progress_arg, s->rounds.rounds, LEAK_ROUNDS_MIN);
	}
	return r;
}

/* --- The answer --- */

struct grading {
	const struct search *s;
	enum verdict grade;
};

static enum verdict grade_of(void *arg, const struct reach_parked *p)
{
	const struct grading *g = arg;

	return p->dead && is_in(g->s->left, p->park) ? g->grade : VERDICT_UNKNOWN;
}

static int fill(struct search *s, struct leak_set *ret)
{
	struct grading g = { .s = s, .grade = leak_rounds_grade(&s->rounds, &ret->why_not) };

	ret->passes = s->passes;
	ret->span_s = clock_since_s(s->start);
	if (s->why_not) {
		ret->why_not = s->why_not;
		return 0;
	}
	return leaks_fill(s->pass, grade_of, &g, s->arena, ret);
}

static void done(struct search *s)
{
	reach_pass_free(s->pass);
	arena_free(s->pass_arena);
	stale_words_free(s->stale);
	addrmap_free(s->alive);
	addrmap_free(s->left);
	free(s->words);
}

static int find_running(const struct subject *subject, struct go_runtime *rt,
			const struct leaks_options *o, struct arena *a, struct leak_set *ret,
			struct diag *d)
{
	const struct exact_source exact = { .subject = subject, .rt = rt, .arena = a };
	struct search s = { .rt = rt, .o = o, .arena = a, .alive = addrmap_new(),
			    .stale = stale_words_new() };
	struct diag why = DIAG_INIT;
	int r = s.alive && s.stale ? 0 : -ENOMEM;

	clock_gettime(CLOCK_MONOTONIC, &s.start);
	s.cpu_start = clock_now_s(CLOCK_PROCESS_CPUTIME_ID);
	if (r == 0)
		r = run_rounds(&s, &why);
	if (r == 0)
		r = fill(&s, ret);
	done(&s);
	if (r == 0 && ret->n)
		ret->estimated_stop_ms = exact_pass_estimate(&exact);
	if (r == -ESRCH || r == -EPERM || r == -ENOMEM) {
		if (d)
			*d = why;
		return r;
	}
	if (r < 0)
		ret->why_not = arena_strdup(a, *why.why ? why.why : "the heap cannot be read");
	return r < 0 && !ret->why_not ? -ENOMEM : 0;
}

int leaks_find(const struct subject *subject, struct go_runtime *rt,
	       const struct leaks_options *o, struct arena *a, struct leak_set *ret,
	       struct diag *d)
{
	*ret = (struct leak_set){ .stopped_ms = -1, .estimated_stop_ms = -1 };
	if (subject->core ? o->wish != LEAKS_NEVER || o->prove : o->prove)
		return leaks_find_exact(subject, rt, o, a, ret, d);
	if (o->wish == LEAKS_NEVER)
		return 0;
	if (o->wish == LEAKS_IF_CHEAP) {
		int r = leak_cost_check(rt, a, &ret->why_not, d);

		if (r < 0 || ret->why_not)
			return r;
	}
	return find_running(subject, rt, o, a, ret, d);
}
