// SPDX-License-Identifier: Apache-2.0
/*
 * Looks of a node that is scheduled: a glance at those whose lines were read, which costs next to
 * nothing, and a look at those that are due, as far as the budget goes.
 */
#include "collect/node_state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "collect/watch.h"
#include "target/mem_live.h"

/* So many goroutine structs more than at the last glance are no chance. */
#define MORE_STRUCTS 2
/* Structs without a goroutine, into which so many may come unseen by a glance. */
#define SPARE_STRUCTS 8
/* Between two glances, a process that has used no more than that has hardly run. */
#define IDLE_TICKS 1
/* A process that has only just come rises because it begins: so many glances and looks say nothing. */
#define FIRST_GLANCES 4
#define FIRST_LOOKS 2
/* Looks for which one that has begun to rise is not taken for one that begins. */
#define RISE_LOOKS 12

/* --- Glances --- */

struct glance {
	pid_t pid;
	uint64_t addr, structs;
	bool had;
};

/* A job of the crew: the crew's while it is busy. One address that never answers holds it up alone. */
struct glances {
	bool busy;
	size_t n, at;		/* at: which one is being had */
	struct glance all[];
};

static void glance_at_all(void *arg)
{
	struct glances *g = arg;

	for (size_t i = 0; i < g->n; i++) {
		struct glance *one = &g->all[i];

		__atomic_store_n(&g->at, i, __ATOMIC_RELEASE);
		one->had = mem_live_peek(one->pid, one->addr, &one->structs,
					 sizeof(one->structs)) == 0;
	}
}

static bool wants_glance(const struct node_entry *e, struct glance *g, uint64_t *in_use)
{
	const struct node_watch *w = e->watched;

	if (!e->fresh || e->no_glance || !w || crew_busy(&w->busy) || !w->watch ||
	    !watch_glance(w->watch, &g->addr, in_use))
		return false;
	g->pid = e->line.pid;
	return true;
}

static void take_glances(struct node *n, const struct glances *g)
{
	for (size_t i = 0; i < g->n; i++) {
		struct node_entry *e = g->all[i].had ? node_find(n, g->all[i].pid) : NULL;

		if (!e)
			continue;
		e->more_structs = e->allgs && g->all[i].structs >= e->allgs + MORE_STRUCTS;
		e->allgs = g->all[i].structs;
	}
}

static struct glances *list_glances(struct node *n)
{
	struct glances *g = calloc(1, sizeof(*g) + n->n * sizeof(g->all[0]));
	uint64_t in_use;

	for (size_t i = 0; g && i < n->n; i++) {
		n->all[i]->more_structs = false;
		g->n += wants_glance(n->all[i], &g->all[g->n], &in_use);
	}
	return g;
}

static int count_structs(struct node *n)
{
	struct glances *g = list_glances(n);
	struct node_entry *stuck;
	double cpu_ms;
	int r;

	if (!g)
		return -ENOMEM;
	r = g->n ? crew_run(n->crew, glance_at_all, g, &g->busy, NODE_PATIENCE_S, &cpu_ms) : 0;
	if (r == -ETIMEDOUT) {
		/* It is the job's own, for as long as that takes; the process is glanced at no more. */
		stuck = node_find(n, g->all[__atomic_load_n(&g->at, __ATOMIC_ACQUIRE)].pid);
		if (stuck)
			stuck->no_glance = true;
		return 0;
	}
	if (r == 0 && g->n) {
		n->spent_ms += cpu_ms;
		take_glances(n, g);
	}
	free(g);
	return 0;
}

/* --- What a glance says --- */

/*
 * Does it begin to rise just now? Then what grows is measured from here on. While it does, a peak
 * more is nothing new.
 */
static bool begins(bool peak, uint32_t *left)
{
	bool first = peak && !*left;

	if (peak)
		*left = RISE_LOOKS;
	else if (*left)
		(*left)--;
	return first;
}

static bool judge_line(struct node_entry *e)
{
	bool rss = begins(e->rss.peak, &e->rss_rises);
	bool threads = begins(e->threads.peak, &e->threads_rises);

	if (e->looks <= FIRST_GLANCES)
		return false;
	if (rss)
		trend_focus(e->rss_history);
	if (threads)
		trend_focus(e->threads_history);
	return e->rss.peak || e->threads.peak || node_entry_grows(e);
}

static enum turns_news news_of(struct node_entry *e)
{
	bool rises = judge_line(e);
	uint64_t ran = e->line.stat.cpu_ticks - e->ticks_glanced;

	e->ticks_glanced = e->line.stat.cpu_ticks;
	if (rises || (e->more_structs && e->looks > FIRST_GLANCES))
		return TURNS_RISES;
	return ran > IDLE_TICKS ? TURNS_MOVES : TURNS_NOTHING;
}

int node_glance_all(struct node *n)
{
	int r = count_structs(n);

	for (size_t i = 0; r == 0 && i < n->n; i++)
		if (n->all[i]->fresh)
			turns_glanced(&n->all[i]->turn, &n->rule, n->look.elapsed_s,
				      news_of(n->all[i]));
	return r;
}

/* --- Looks --- */

static double now_of(const struct node *n)
{
	/* What comes due until the middle of this turn and the next one comes now. */
	return n->look.elapsed_s + turns_step_s(&n->rule) / 2;
}

static bool wants_look(struct node *n, struct node_entry *e)
{
	return node_watch_ready(e) && turns_late(&e->turn, &n->rule, now_of(n)) >= 0;
}

/* qsort() has no argument for it. */
static _Thread_local const struct node *sorted;

static int by_lateness(const void *a, const void *b)
{
	const struct node_entry *x = *(struct node_entry *const *)a;
	const struct node_entry *y = *(struct node_entry *const *)b;
	double p = turns_late(&x->turn, &sorted->rule, now_of(sorted));
	double q = turns_late(&y->turn, &sorted->rule, now_of(sorted));

	if (p != q)
		return p > q ? -1 : 1;
	return (x->line.pid > y->line.pid) - (x->line.pid < y->line.pid);
}

/* More of some goroutines than ever in the last time. */
static bool has_peak(const struct interval *i)
{
	for (uint32_t k = 0; i->snapshot && i->number >= FIRST_LOOKS && k < i->n_sites; k++)
		if (i->sites[k].peak)
			return true;
	return false;
}

bool node_sites_grow(const struct interval *i)
{
	/* Those that grow come first. */
	return i->snapshot && i->n_sites && i->sites[0].grows;
}

static bool rises(const struct node_entry *e, const struct interval *i)
{
	return has_peak(i) || node_sites_grow(i) || node_entry_grows(e) || i->threads_climb ||
	       i->rss_climbs_alone;
}

static bool moves(const struct node_entry *e, const struct interval *i)
{
	if (i->goroutines_delta || i->threads_delta ||
	    e->line.stat.cpu_ticks > e->ticks_looked + IDLE_TICKS * TURNS_OFTEN)
		return true;
	for (uint32_t k = 0; i->snapshot && k < i->n_sites; k++)
		if (i->sites[k].arrived)
			return true;
	return false;
}

/* What the look says about the next one. */
static void plan(struct node *n, struct node_entry *e)
{
	const struct interval *i = e->watched->err == 0 ? e->watched->interval : NULL;
	enum turns_news news = TURNS_NOTHING;
	bool may_rest = true;
	uint64_t addr, in_use;

	/* Not had: what is known of it is as old as it was. */
	if (crew_busy(&e->watched->busy) || !e->watched->interval)
		return;
	if (i && i->state == WATCH_RUNNING) {
		news = rises(e, i) ? TURNS_RISES : moves(e, i) ? TURNS_MOVES : TURNS_NOTHING;
		if (begins(has_peak(i), &e->site_rises))
			watch_focus(e->watched->watch);
	}
	if (watch_glance(e->watched->watch, &addr, &in_use))
		may_rest = e->allgs && e->allgs < in_use + SPARE_STRUCTS && !e->no_glance;
	e->ticks_looked = e->line.stat.cpu_ticks;
	turns_looked(&e->turn, &n->rule, n->look.elapsed_s, news, may_rest, e->watched->look_ms);
	if (e->known && i && i->state == WATCH_RUNNING && node_keep_goes_on(n, e))
		turns_heat(&e->turn, &n->rule, n->look.elapsed_s);
}

/* One that costs more than is ever kept has its look when there is as much as there can be. */
static bool affords(const struct node *n, const struct node_entry *e)
{
	double need = e->watched->look_ms, most = node_credit_max(n) / 2;

	return n->credit_ms - n->spent_ms >= (need < most ? need : most);
}

static void count_missed(struct node *n)
{
	for (size_t i = 0; i < n->n; i++)
		if (n->all[i]->watched)
			n->all[i]->tally.missed += turns_missed(&n->all[i]->turn, &n->rule,
								n->look.elapsed_s);
}

int node_look_at_due(struct node *n)
{
	struct node_entry **some;
	struct timespec began;
	size_t m;
	int r;

	for (size_t i = 0; i < n->n; i++)
		if (node_watch_take_late(n->all[i]))
			plan(n, n->all[i]);
	sorted = n;
	r = node_choose(n, wants_look, by_lateness, &some, &m);
	clock_gettime(CLOCK_MONOTONIC, &began);
	for (size_t i = 0; r == 0 && i < m && node_has_time(n, &began); i++) {
		if (affords(n, some[i])) {
			r = node_watch_look(n, some[i]);
			if (r == 0)
				plan(n, some[i]);
		} else if (turns_late(&some[i]->turn, &n->rule, now_of(n)) > 1) {
			/* It would never be had if all that cost less came first for ever. */
			break;
		}
	}
	count_missed(n);
	return r;
}
