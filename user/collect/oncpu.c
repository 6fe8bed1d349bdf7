// SPDX-License-Identifier: Apache-2.0
#include "collect/oncpu.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/busy.h"
#include "collect/collector.h"
#include "collect/symbolize.h"
#include "collect/trace_go.h"
#include "native/symbols.h"
#include "trace/oncpu.h"

/* Stacks of one interval that are given names, and frames of one. */
enum { SITES_MAX = 100, FRAMES_MAX = 128 };

struct oncpu_watch {
	struct go_runtime *rt;
	struct modules *modules;
	struct oncpu_trace *trace;
	struct busy *busy;
};

int oncpu_watch_open(const struct collector_source *src, double busy_min_s,
		     struct oncpu_watch **ret, struct diag *d)
{
	CLEANUP(oncpu_watch_close_p) struct oncpu_watch *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return -ENOMEM;
	w->rt = src->rt;
	w->modules = src->modules;
	w->busy = busy_new(busy_min_s);
	if (!w->busy)
		return -ENOMEM;
	r = oncpu_trace_open(src->target, &w->trace, d);
	if (r == 0)
		r = oncpu_trace_arm(w->trace, d);
	if (r < 0)
		return r;
	*ret = TAKE(w);
	return 0;
}

void oncpu_watch_close(struct oncpu_watch *w)
{
	if (!w)
		return;
	oncpu_trace_close(w->trace);
	busy_free(w->busy);
	free(w);
}

static size_t whole_stack(struct oncpu_watch *w, const struct traced_oncpu_site *s, uint64_t *pcs)
{
	size_t n = s->n_pcs < FRAMES_MAX ? s->n_pcs : FRAMES_MAX;

	if (w->rt)
		return trace_go_stack(w->rt, s, pcs, FRAMES_MAX);
	memcpy(pcs, s->pcs, n * sizeof(*pcs));
	return n;
}

/* --- Busy goroutines --- */

static uint64_t entry_of(struct go_runtime *rt, uint64_t pc, bool exact)
{
	struct func f;
	uint64_t entry = 0;

	pthread_mutex_lock(&rt->tab_lock);
	if (pclntab_find(rt->tab, exact ? pc : pc - 1, &f) == 0 && f.kind != FUNC_GOEXIT)
		entry = f.entry;
	pthread_mutex_unlock(&rt->tab_lock);
	return entry;
}

/* Functions of a goroutine's own stack, outermost first; 0 of one that was not walked whole. */
static size_t own_functions(struct oncpu_watch *w, const struct traced_oncpu_site *s,
			    uint64_t *ret)
{
	uint64_t pcs[FRAMES_MAX];
	size_t n = 0, n_pcs;

	if (!s->whole || s->on_g0)
		return 0;
	n_pcs = whole_stack(w, s, pcs);
	for (size_t i = n_pcs; i-- > 0;) {
		uint64_t entry = entry_of(w->rt, pcs[i], i == 0);

		if (entry)
			ret[n++] = entry;
	}
	return n;
}

/* Adds a site's samples to those of its goroutine. */
static int add_busy(struct oncpu_watch *w, const struct traced_oncpu_site *s, struct arena *a,
		    struct busy_sample *ret)
{
	uint64_t functions[FRAMES_MAX], *kept;
	size_t n = own_functions(w, s, functions), common = 0;

	ret->samples += s->samples;
	if (n && !ret->n) {
		kept = arena_alloc(a, n, sizeof(*kept));
		if (!kept)
			return -ENOMEM;
		memcpy(kept, functions, n * sizeof(*kept));
		ret->functions = kept;
		ret->n = n;
	} else if (n) {
		while (common < n && common < ret->n && functions[common] == ret->functions[common])
			common++;
		ret->n = common;
	}
	return 0;
}

static int by_goid(const void *x, const void *y)
{
	const struct traced_oncpu_site *a = x, *b = y;

	return (a->goid > b->goid) - (a->goid < b->goid);
}

/* Sorts the sites by goroutine. */
static int note_busy(struct oncpu_watch *w, double span_s, struct traced_oncpu *t, struct arena *a)
{
	struct busy_sample *all = arena_alloc(a, t->n_sites + 1, sizeof(*all));
	size_t n = 0;

	if (!all)
		return -ENOMEM;
	qsort(t->sites, t->n_sites, sizeof(*t->sites), by_goid);
	for (size_t i = 0; i < t->n_sites; i++) {
		const struct traced_oncpu_site *s = &t->sites[i];
		int r;

		if (!s->goid)
			continue;
		if (!n || all[n - 1].goid != s->goid)
			all[n++].goid = s->goid;
		r = add_busy(w, s, a, &all[n - 1]);
		if (r < 0)
			return r;
	}
	return busy_add(w->busy, span_s, t->hz, all, n);
}

static int list_busy(struct oncpu_watch *w, struct arena *a, struct oncpu_look *ret)
{
	struct busy_goroutine *all;
	int r = busy_list(w->busy, a, &all, &ret->n_busy);

	for (uint32_t i = 0; r == 0 && i < ret->n_busy; i++) {
		pthread_mutex_lock(&w->rt->tab_lock);
		r = symbolize_pc(w->rt->tab, all[i].function, all[i].function, a, &all[i].at);
		pthread_mutex_unlock(&w->rt->tab_lock);
	}
	ret->busy = all;
	return r;
}

/* --- Sites --- */

struct stack_key {
	uint64_t pcs[FRAMES_MAX];
	size_t n;
};

/* Each instruction of a loop would be a site of its own: the innermost function is one place. */
static void leave_instruction_out(struct oncpu_watch *w, struct stack_key *key)
{
	uint64_t entry = w->rt && key->n ? entry_of(w->rt, key->pcs[0], true) : 0;

	if (entry)
		key->pcs[0] = entry;
}

struct sampled {
	const struct traced_oncpu_site *site;
	struct stack_key *key;
};

static int compare_keys(const struct stack_key *a, const struct stack_key *b)
{
	if (a->n != b->n)
		return a->n < b->n ? -1 : 1;
	return memcmp(a->pcs, b->pcs, a->n * sizeof(a->pcs[0]));
}

static int by_stack(const void *x, const void *y)
{
	const struct sampled *a = x, *b = y;
	int r = compare_keys(a->key, b->key);

	return r ? r : by_goid(a->site, b->site);
}

/* One site of the samples [from, to), which have one stack and ascending goids. */
static struct oncpu_site sum_up(const struct sampled *from, const struct sampled *to)
{
	struct oncpu_site s = { 0 };
	uint64_t last = 0;

	for (; from < to; from++) {
		s.samples += from->site->samples;
		s.in_kernel += from->site->in_kernel ? from->site->samples : 0;
		s.goroutines += from->site->goid && from->site->goid != last;
		last = from->site->goid;
	}
	return s;
}

static int name_stack(struct oncpu_watch *w, const struct sampled *s, struct arena *a,
		      struct stack *ret)
{
	struct walk_frame frames[FRAMES_MAX];
	struct go_walk walk = { .frames = frames, .n_frames = s->key->n };
	struct group g = { 0 };
	int r;

	walk.end = s->site->whole ? UNWIND_WHOLE : UNWIND_CUT;
	if (!w->rt)
		return symbols_stack(w->modules, s->key->pcs, (uint32_t)s->key->n, !s->site->whole,
				     false, a, ret);
	for (size_t i = 0; i < s->key->n; i++)
		frames[i] = (struct walk_frame){ .pc = s->key->pcs[i], .exact = i == 0 };
	pthread_mutex_lock(&w->rt->tab_lock);
	r = symbolize_walk(w->rt->tab, &walk, a, &g);
	pthread_mutex_unlock(&w->rt->tab_lock);
	*ret = g.stack;
	return r;
}

struct summed {
	struct oncpu_site site;
	const struct sampled *sample;	/* one of them */
};

static int most_samples(const void *x, const void *y)
{
	const struct summed *a = x, *b = y;

	return (a->site.samples < b->site.samples) - (a->site.samples > b->site.samples);
}

static int list_sites(struct oncpu_watch *w, const struct traced_oncpu *t, struct arena *scratch,
		      struct arena *a, struct oncpu_look *ret)
{
	struct sampled *all = arena_alloc(scratch, t->n_sites + 1, sizeof(*all));
	struct summed *sums = arena_alloc(scratch, t->n_sites + 1, sizeof(*sums));
	struct stack_key *keys = arena_alloc(scratch, t->n_sites + 1, sizeof(*keys));
	struct oncpu_site *sites;
	size_t n = 0;
	int r = 0;

	if (!all || !sums || !keys)
		return -ENOMEM;
	for (size_t i = 0; i < t->n_sites; i++) {
		keys[i].n = whole_stack(w, &t->sites[i], keys[i].pcs);
		leave_instruction_out(w, &keys[i]);
		all[i] = (struct sampled){ &t->sites[i], &keys[i] };
	}
	qsort(all, t->n_sites, sizeof(*all), by_stack);
	for (size_t i = 0, j; i < t->n_sites; i = j) {
		for (j = i + 1; j < t->n_sites && !compare_keys(all[i].key, all[j].key); j++)
			;
		sums[n++] = (struct summed){ sum_up(all + i, all + j), all + i };
	}
	qsort(sums, n, sizeof(*sums), most_samples);
	if (n > SITES_MAX)
		n = SITES_MAX;
	sites = arena_alloc(a, n + 1, sizeof(*sites));
	if (!sites)
		return -ENOMEM;
	for (size_t i = 0; r == 0 && i < n; i++) {
		sites[i] = sums[i].site;
		r = name_stack(w, sums[i].sample, a, &sites[i].stack);
	}
	ret->sites = sites;
	ret->n_sites = (uint32_t)n;
	return r;
}

int oncpu_watch_look(struct oncpu_watch *w, double span_s, struct arena *a,
		     struct oncpu_look *ret)
{
	CLEANUP(arena_free_p) struct arena *scratch = arena_new();
	struct oncpu_look look = { 0 };
	struct traced_oncpu t;
	int r = scratch ? oncpu_trace_collect(w->trace, scratch, &t) : -ENOMEM;

	if (r < 0)
		return r;
	look.samples = t.samples;
	look.lost = t.lost;
	look.hz = t.hz;
	if (w->rt) {
		r = note_busy(w, span_s, &t, scratch);
		if (r == 0)
			r = list_busy(w, a, &look);
	}
	/* The sums point into scratch; what outlives it is copied by name_stack(). */
	if (r == 0)
		r = list_sites(w, &t, scratch, a, &look);
	if (r < 0)
		return r;
	*ret = look;
	return 0;
}

/* --- As a collector --- */

static int collector_open(const struct collector_source *src, void **ret, struct diag *d)
{
	struct oncpu_watch *w;
	int r = oncpu_watch_open(src, BUSY_MIN_S, &w, d);

	if (r == 0)
		*ret = w;
	return r;
}

static void collector_close(void *w)
{
	oncpu_watch_close(w);
}

static int collector_look(void *w, const struct collector_span *span, struct activity *ret,
			  struct diag *d)
{
	struct oncpu_look *look = arena_alloc(span->arena, 1, sizeof(*look));
	int r = look ? oncpu_watch_look(w, span->span_s, span->arena, look) : -ENOMEM;

	(void)d;
	if (r < 0)
		return r;
	ret->oncpu = look;
	ret->collectors[COLLECTOR_ONCPU].hits += look->samples;
	ret->collectors[COLLECTOR_ONCPU].lost += look->lost;
	return 0;
}

static int collector_findings(void *w, const struct activity *now, struct arena *a,
			      const struct finding **ret, uint32_t *n)
{
	struct finding *all = NULL;
	int r;

	(void)w;
	if (!now->oncpu)
		return 0;
	r = busy_findings(now->oncpu->busy, now->oncpu->n_busy, a, &all, n);
	*ret = all;
	return r;
}

const struct collector_ops oncpu_watch_collector = {
	.which = COLLECTOR_ONCPU,
	.open = collector_open,
	.close = collector_close,
	.look = collector_look,
	.findings = collector_findings,
};
