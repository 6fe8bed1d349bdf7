// SPDX-License-Identifier: Apache-2.0
#include "collect/timer_sites.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/site.h"
#include "base/addrmap.h"
#include "base/cleanup.h"
#include "collect/call_ways.h"
#include "collect/symbolize.h"

/* Groups and functions that are looked at, and sites that are told. */
enum { GROUPS_MAX = 1024, FUNCTIONS_MAX = 4096, SITES_MAX = 8 };

/* What the code of one function says; the site is told of once, for all its goroutines. */
struct maker {
	const char *place, *call;	/* NULL: it makes none, or stops what it makes */
	bool loop;
	struct timer_site site;
};

struct search {
	struct go_runtime *rt;
	const struct snapshot *s;
	struct addrmap *by_entry;
	struct maker *all;
	uint32_t n;
};

static void search_done(struct search *x)
{
	addrmap_free(x->by_entry);
	free(x->all);
}

static bool is_one_of(const char *name, const char *const *all, size_t n)
{
	for (size_t i = 0; name && i < n; i++)
		if (strcmp(name, all[i]) == 0)
			return true;
	return false;
}

/*
 * By package time, Go 1.18 to 1.27: After is NewTimer, which calls startTimer (from Go 1.23 on
 * newTimer), and each may be inlined; so do NewTicker and AfterFunc.
 */
static bool makes_timer(const char *name)
{
	static const char *const all[] = { "time.After", "time.NewTimer", "time.startTimer",
					   "time.newTimer" };

	return is_one_of(name, all, ARRAY_SIZE(all));
}

static bool stops_timer(const char *name)
{
	static const char *const all[] = { "time.(*Timer).Stop", "time.stopTimer" };

	return is_one_of(name, all, ARRAY_SIZE(all));
}

/*
 * Whose call it is: what is inlined there of package time says which of its functions was called.
 * NULL: of none that makes a timer with a channel, to fire once.
 */
static const char *call_of(const struct frame *frames, int n, const char *target)
{
	const char *call = target;

	for (int i = 0; i < n; i++)
		if (frames[i].function && strncmp(frames[i].function, "time.", 5) == 0)
			call = frames[i].function;
	return strcmp(call, "time.After") == 0    ? "time.After"
	       : strcmp(call, "time.NewTimer") == 0 ? "time.NewTimer"
						      : NULL;
}

static int note_call(struct search *x, const struct code_call *c, const char *target,
		     struct maker *ret)
{
	struct frame frames[LIMIT_INLINE_DEPTH];
	enum func_kind callee = FUNC_NORMAL;
	int n = pclntab_frames(x->rt->tab, c->next, c->at, &callee, frames, LIMIT_INLINE_DEPTH);
	const char *call;

	if (n <= 0)
		return n == -ENOMEM ? n : 0;
	call = call_of(frames, n, target);
	if (!call)
		return 0;
	for (int i = 0; i < n; i++) {
		if (!frames[i].function || strncmp(frames[i].function, "time.", 5) == 0)
			continue;
		ret->call = call;
		ret->place = site_string(x->s->arena, &frames[i]);
		return ret->place ? 0 : -ENOMEM;
	}
	return 0;
}

static int look_at_code(struct search *x, uint64_t entry, struct maker *ret)
{
	CLEANUP(code_flow_close_p) struct code_flow *f = NULL;
	struct code_call *calls;
	bool stops = false;
	int r = 0;
	size_t n;

	if (call_ways_open(x->rt, entry, &f) < 0)
		return 0;
	calls = code_flow_calls(f, &n);
	for (size_t i = 0; r == 0 && i < n; i++) {
		const char *name = call_ways_name(x->rt, &calls[i]);

		stops = stops || stops_timer(name);
		if (!makes_timer(name) || ret->loop)
			continue;
		r = note_call(x, &calls[i], name, ret);
		if (r < 0 || !ret->call)
			continue;
		code_flow_follow(f, calls[i].next);
		ret->loop = code_flow_passed(f, calls[i].at);
	}
	if (stops)
		*ret = (struct maker){ 0 };
	return r;
}

/* The function of that entry; NULL with 0 in *r: there are too many. */
static struct maker *maker_at(struct search *x, uint64_t entry, int *r)
{
	struct maker *m;
	uint32_t at;

	*r = 0;
	if (addrmap_get(x->by_entry, entry, &at) == 0)
		return &x->all[at];
	if (x->n == FUNCTIONS_MAX)
		return NULL;
	m = &x->all[x->n];
	*r = look_at_code(x, entry, m);
	if (*r == 0)
		*r = addrmap_put(x->by_entry, entry, x->n++);
	return *r < 0 ? NULL : m;
}

/* Before Go 1.23 nothing but its type and size tells a timer's channel. */
static bool is_timers(const struct wait_chan *c)
{
	return c->dir == CHAN_RECV && c->cap == 1 && c->type && strcmp(c->type, "time.Time") == 0;
}

static bool waits_on_timer(const struct wait_object *w)
{
	if (!w->known)
		return false;
	if (w->kind == WAIT_CHAN)
		return is_timers(&w->chan);
	for (uint32_t i = 0; w->kind == WAIT_SELECT && i < w->select.n; i++)
		if (is_timers(&w->select.cases[i]))
			return true;
	return false;
}

/* Does one of the program's own functions around frame `at` call it in a loop? */
static bool called_in_loop(struct search *x, const struct stack *s, uint32_t at)
{
	uint64_t entry = s->frames[at].entry;

	for (uint32_t i = at + 1; i < s->n; i++) {
		const struct frame *f = &s->frames[i];

		if (f->entry == entry || !f->entry)
			continue;
		entry = f->entry;
		/* A server's loop takes one request after another, be it a day apart. */
		if (!site_is_own(f->function, x->s->process.module))
			return false;
		if (call_ways_comes_again(x->rt, f->pc))
			return true;
	}
	return false;
}

static void count_in(struct maker *m, const struct group *g, bool waits, bool loop)
{
	m->site.place = m->place;
	m->site.call = m->call;
	m->site.goroutines += g->count;
	m->site.waits = m->site.waits || waits;
	m->site.loop = m->site.loop || loop;
}

static bool is_of_interest(const char *function)
{
	return function && !site_is_runtime(function) && strncmp(function, "time.", 5) != 0;
}

static int look_at_stack(struct search *x, const struct group *g)
{
	const struct stack *s = &g->stack;
	bool innermost = true;
	uint64_t entry = 0;
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < s->n; i++) {
		const struct frame *f = &s->frames[i];
		struct maker *m;
		bool waits;

		if (!f->entry || f->entry == entry || !is_of_interest(f->function))
			continue;
		entry = f->entry;
		m = maker_at(x, entry, &r);
		waits = innermost && waits_on_timer(&g->blocked_on);
		innermost = false;
		if (m && m->call)
			count_in(m, g, waits, m->loop || called_in_loop(x, s, i));
	}
	return r;
}

static int count_start(struct search *x, const struct group *g, uint64_t entry)
{
	int r;
	struct maker *m = maker_at(x, entry, &r);

	if (m && m->call && m->loop)
		count_in(m, g, false, true);
	return r;
}

/* A goroutine that runs shows no stack; most loops are in the function that it started in. */
static int look_at_start(struct search *x, const struct group *g)
{
	CLEANUP(code_flow_close_p) struct code_flow *f = NULL;
	const struct code_call *calls;
	int r = 0;
	size_t n;

	if (g->started.function)
		return is_of_interest(g->started.function) ? count_start(x, g, g->started.entry) : 0;
	/* A wrapper, which the compiler writes for a call with arguments, makes that call alone. */
	if (!g->started.pc || call_ways_open(x->rt, g->started.pc, &f) < 0)
		return 0;
	calls = code_flow_calls(f, &n);
	for (size_t i = 0; r == 0 && i < n; i++)
		if (is_of_interest(call_ways_name(x->rt, &calls[i])))
			r = count_start(x, g, calls[i].target);
	return r;
}

static int weight(const struct timer_site *s)
{
	return 2 * s->loop + s->waits;
}

static int by_weight(const void *a, const void *b)
{
	const struct timer_site *x = a, *y = b;

	if (weight(x) != weight(y))
		return weight(y) - weight(x);
	return (x->goroutines < y->goroutines) - (x->goroutines > y->goroutines);
}

static int sort_out(const struct search *x, struct timer_look *ret)
{
	struct timer_site *sites = arena_alloc(x->s->arena, (size_t)x->n + 1, sizeof(*sites));
	uint32_t n = 0;

	if (!sites)
		return -ENOMEM;
	for (uint32_t i = 0; i < x->n; i++)
		if (x->all[i].site.goroutines && weight(&x->all[i].site))
			sites[n++] = x->all[i].site;
	qsort(sites, n, sizeof(*sites), by_weight);
	ret->sites = sites;
	ret->n_sites = n < SITES_MAX ? n : SITES_MAX;
	return 0;
}

int timer_sites_find(struct go_runtime *rt, const struct snapshot *s, struct timer_look *ret)
{
	CLEANUP(search_done) struct search x = { .rt = rt, .s = s };
	int r = 0;

	x.by_entry = addrmap_new();
	x.all = calloc(FUNCTIONS_MAX, sizeof(*x.all));
	if (!x.by_entry || !x.all)
		return -ENOMEM;
	for (uint32_t i = 0; r == 0 && i < s->n_groups && i < GROUPS_MAX; i++) {
		const struct group *g = &s->groups[i];

		if (g->system || !g->count)
			continue;
		r = g->stack.n ? look_at_stack(&x, g) : look_at_start(&x, g);
	}
	return r < 0 ? r : sort_out(&x, ret);
}
