// SPDX-License-Identifier: Apache-2.0
#include "analysis/growth.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "analysis/growth_pattern.h"
#include "analysis/held.h"
#include "analysis/history.h"
#include "analysis/site.h"
#include "base/addrmap.h"

/* Different stacks that are followed; those beyond are counted, never suspected. */
#define MAX_TRACKS 16384
/* An end of the wait that is further away than this is none. */
#define SOON_S 120.0
/* Of a few goroutines more than ever, one or two may be chance. */
#define PEAK_MIN (GROWTH_MIN / 2)
/* RSS that climbs by less than this in a window is noise. */
#define RSS_MIN (8u << 20)

struct track {
	uint64_t id;
	uint32_t seen;		/* the last look that found somebody there */
	bool grows;		/* at that look */
	uint64_t now;		/* how many, for remember() alone */
	struct series counts;
};

struct growth {
	struct history history;
	struct track *tracks;
	uint32_t n, room;
	struct addrmap *by_id;
	struct series total, rss, threads;	/* of the process */
};

struct growth *growth_new(void)
{
	struct growth *g = calloc(1, sizeof(*g));

	if (!g)
		return NULL;
	g->by_id = addrmap_new();
	if (!g->by_id) {
		free(g);
		return NULL;
	}
	return g;
}

void growth_free(struct growth *g)
{
	if (!g)
		return;
	addrmap_free(g->by_id);
	free(g->tracks);
	free(g);
}

struct look growth_next(const struct growth *g)
{
	const struct history *h = &g->history;

	return (struct look){
		.number = h->looks,
		.marks = {
			h->recent_look[0], h->recent_look[h->n_recent / 2],
			h->whole_look[0], h->whole_look[h->n_whole / 2],
		},
	};
}

/* Whoever is awake at the very moment of a look has not left: a ticker's goroutine, say. */
static uint64_t here(const struct site *s)
{
	return s->count + s->awake;
}

/* --- One window --- */

static bool grows(const struct window *w)
{
	return w->n >= GROWTH_LOOKS && w->now >= w->c[0] + GROWTH_MIN && window_goes_on(w) &&
	       window_stays(w);
}

/* Seconds until the wait ends by itself; negative: nothing says that it will. */
static double time_left(const struct wait_object *w)
{
	int64_t ns = TIME_UNKNOWN;

	if (!w->known)
		return -1;
	if (w->kind == WAIT_TIMER)
		ns = w->timer.left_ns;
	else if (w->kind == WAIT_FD && w->fd.deadline_known && w->fd.has_deadline)
		ns = w->fd.deadline_left_ns;
	else if (w->kind == WAIT_CHAN && w->chan.has_timer)
		ns = w->chan.timer_left_ns;
	else if (w->kind == WAIT_SELECT)
		for (uint32_t i = 0; i < w->select.n; i++) {
			const struct wait_chan *c = &w->select.cases[i];

			if (c->has_timer && (ns == TIME_UNKNOWN || c->timer_left_ns < ns))
				ns = c->timer_left_ns;
		}
	return ns == TIME_UNKNOWN || ns < 0 ? -1 : (double)ns / 1e9;
}

/*
 * Whoever waits for a timer will leave: until some have had the time to, a set that is bounded
 * looks like one that grows.
 */
static bool may_end_soon(const struct group *g, double window_s)
{
	double left = time_left(&g->blocked_on);

	return left >= 0 && left <= SOON_S && window_s < 2 * left;
}

static void describe(const struct window *w, struct site *site)
{
	double s = w->now_s - w->t[0], net = (double)w->now - (double)w->c[0];
	uint32_t mid = w->n / 2;
	/* Whoever could not be read at that look, and was here before it and after, was here then. */
	uint64_t then = w->c[mid] > w->stayed_mid ? w->c[mid] : w->stayed_mid;

	if (s <= 0)
		return;
	site->window_s = s;
	site->rate_per_min = net * 60 / s;
	/* Arrivals are taken for independent of each other (Poisson). */
	site->rate_error = 1.96 * sqrt(fabs(net) + 1) * 60 / s;
	site->cohort = (struct cohort){
		.then = then, .now = w->stayed_mid, .same_park = w->same_park_mid,
		.age_s = w->now_s - w->t[mid],
	};
}

/* --- One look --- */

static bool is_parked(const struct group *g)
{
	return go_state_is_parked(g->state) || g->state == GO_SYSCALL;
}

static struct window with_past(struct window w, const struct group_past *past, size_t marks)
{
	w.stayed_start = past->stayed[marks];
	w.stayed_mid = past->stayed[marks + 1];
	w.same_park_mid = past->same_park[marks + 1];
	return w;
}

/* In the order of struct look's marks. */
static bool is_held(const struct snapshot *s, const struct window *recent,
		    const struct window *whole, const struct group_past *past,
		    const struct interval *i, struct site *site)
{
	struct held_mark marks[INTERVAL_MARKS];

	for (size_t k = 0; k < INTERVAL_MARKS; k++) {
		const struct window *w = k < 2 ? recent : whole;
		uint32_t at = k % 2 ? w->n / 2 : 0;

		marks[k] = (struct held_mark){ w->now_s - w->t[at], w->c[at], past->stayed[k],
					       past->same_park[k] };
	}
	return recent->n >= GROWTH_LOOKS && held_judge(s, i, marks, INTERVAL_MARKS, site);
}

static void judge(const struct growth *g, const struct snapshot *s, const struct track *t,
		  const struct group_past *past, const struct interval *i, struct site *site)
{
	const struct group *group = &s->groups[site->group];
	const struct window recent = with_past(history_recent(&g->history, &t->counts, i->elapsed_s,
							      here(site)), past, 0);
	const struct window whole = with_past(history_whole(&g->history, &t->counts, i->elapsed_s,
							    here(site)), past, 2);
	const struct window *w = &recent;

	site->grew = t->grows && t->seen + 1 == g->history.looks;
	if (!recent.n || !is_parked(group))
		return;
	site->peak = history_is_peak(&g->history, &t->counts, here(site), PEAK_MIN);
	if (!grows(&recent) && grows(&whole))
		w = &whole;
	describe(w, site);
	site->grows = (grows(w) && !may_end_soon(group, site->window_s)) ||
		      is_held(s, &recent, &whole, past, i, site);
	if (site->grows && site->verdict < VERDICT_SUSPECT)
		site->verdict = VERDICT_SUSPECT;
}

static struct track *track_of(struct growth *g, uint64_t id)
{
	uint32_t at;

	if (addrmap_get(g->by_id, id, &at) == 0)
		return &g->tracks[at];
	if (g->n >= MAX_TRACKS)
		return NULL;
	if (g->n == g->room) {
		uint32_t room = g->room ? g->room * 2 : 16;
		struct track *all = realloc(g->tracks, room * sizeof(*all));

		if (!all)
			return NULL;
		g->tracks = all;
		g->room = room;
	}
	if (addrmap_put(g->by_id, id, g->n) < 0)
		return NULL;
	g->tracks[g->n] = (struct track){ .id = id };
	return &g->tracks[g->n++];
}

static void add_past(struct group_past *sum, const struct group_past *more)
{
	sum->arrived += more->arrived;
	sum->awake += more->awake;
	for (size_t i = 0; i < INTERVAL_MARKS; i++) {
		sum->stayed[i] += more->stayed[i];
		sum->same_park[i] += more->same_park[i];
	}
}

/* Groups that differ in labels alone become one site. */
static int sum_up(const struct snapshot *s, const struct group_past *past, struct site *sites,
		  struct group_past *pasts, uint32_t *n)
{
	CLEANUP(addrmap_free_p) struct addrmap *by_id = addrmap_new();

	if (!by_id)
		return -ENOMEM;
	*n = 0;
	for (uint32_t i = 0; i < s->n_groups; i++) {
		const struct group *g = &s->groups[i];
		uint32_t at;

		if (g->system)
			continue;
		if (addrmap_get(by_id, g->site, &at) < 0) {
			at = (*n)++;
			sites[at] = (struct site){ .id = g->site, .group = i };
			pasts[at] = (struct group_past){ 0 };
			if (addrmap_put(by_id, g->site, at) < 0)
				return -ENOMEM;
		}
		if (g->count > s->groups[sites[at].group].count)
			sites[at].group = i;
		sites[at].count += g->count;
		sites[at].stack_bytes += g->stack_bytes;
		add_past(&pasts[at], &past[i]);
		sites[at].awake = pasts[at].awake;
	}
	return 0;
}

static int by_weight(const void *a, const void *b)
{
	const struct site *x = a, *y = b;

	if (x->grows != y->grows)
		return x->grows ? -1 : 1;
	if (x->grows && x->rate_per_min != y->rate_per_min)
		return x->rate_per_min > y->rate_per_min ? -1 : 1;
	if (x->count != y->count)
		return x->count > y->count ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

/* --- The history --- */

static void remember(struct growth *g, const struct interval *i)
{
	struct history *h = &g->history;

	for (uint32_t k = 0; k < g->n; k++)
		g->tracks[k].now = 0;
	for (uint32_t k = 0; k < i->n_sites; k++) {
		struct track *t = track_of(g, i->sites[k].id);

		if (!t)
			continue;
		t->seen = h->looks;
		t->grows = i->sites[k].grows;
		t->now = here(&i->sites[k]);
	}
	for (uint32_t k = 0; k < g->n; k++)
		history_put(h, &g->tracks[k].counts, g->tracks[k].now);
	history_put(h, &g->total, i->snapshot->total);
	history_put(h, &g->rss, i->rss_bytes);
	history_put(h, &g->threads, i->threads);
	history_next(h, i->elapsed_s);
}

/* Sites that nobody has been at for the whole recent window. */
static int forget_old(struct growth *g)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < g->n; i++)
		n += g->history.looks - g->tracks[i].seen <= HISTORY_RECENT;
	if (n == g->n)
		return 0;
	addrmap_clear(g->by_id);
	n = 0;
	for (uint32_t i = 0; i < g->n; i++) {
		if (g->history.looks - g->tracks[i].seen > HISTORY_RECENT)
			continue;
		g->tracks[n] = g->tracks[i];
		if (addrmap_put(g->by_id, g->tracks[n].id, n) < 0)
			return -ENOMEM;
		n++;
	}
	g->n = n;
	return 0;
}

void growth_focus(struct growth *g)
{
	for (uint32_t k = 0; k < g->n; k++)
		history_cut_series(&g->history, &g->tracks[k].counts, 2);
	history_cut_series(&g->history, &g->total, 2);
	history_cut_series(&g->history, &g->rss, 2);
	history_cut_series(&g->history, &g->threads, 2);
	history_cut(&g->history, 2);
}

/* --- The process as a whole --- */

static void judge_rss(const struct growth *g, struct interval *i)
{
	struct window w = history_recent(&g->history, &g->rss, i->elapsed_s, i->rss_bytes);
	double grown, goroutines;

	if (!w.n || !w.c[0] || !w.now)
		return;
	grown = (double)w.now - (double)w.c[0];
	goroutines = fabs((double)i->snapshot->total - (double)g->total.recent[0]);
	if (w.now_s > w.t[0])
		i->rss_rate_per_min = grown * 60 / (w.now_s - w.t[0]);
	/* A goroutine is some 3 KiB at first; 64 KiB would be a large one. */
	i->rss_climbs_alone = w.n >= GROWTH_LOOKS && grown >= RSS_MIN && window_goes_on(&w) &&
			      goroutines * 65536 < grown / 4;
}

/* Go keeps the threads that it made, so that few of many come and go: the number alone tells. */
static void judge_threads(const struct growth *g, struct interval *i)
{
	struct window w = history_recent(&g->history, &g->threads, i->elapsed_s, i->threads);

	if (!w.n || !w.c[0] || !w.now)
		return;
	i->threads_rate_per_min = window_rate(&w, 0, w.n) * 60;
	i->threads_climb = w.n >= GROWTH_LOOKS && w.now >= w.c[0] + GROWTH_MIN &&
			   window_goes_on(&w);
}

/*
 * What one more goroutine costs: its share of the stacks; or what RSS grew by, when one site is
 * nearly all of what grew.
 */
static void weigh(const struct growth *g, const struct interval *i, struct site *site)
{
	double total = (double)i->snapshot->total - (double)g->total.recent[0];
	double rss = (double)i->rss_bytes - (double)g->rss.recent[0];
	double own = site->rate_per_min * site->window_s / 60;

	if (site->count)
		site->bytes_each = (double)site->stack_bytes / (double)site->count;
	if (!g->history.n_recent || !i->rss_bytes || !g->rss.recent[0] || total < 200 ||
	    own < 0.8 * total)
		return;
	if (rss / total > site->bytes_each && rss / total < (1 << 20)) {
		site->bytes_each = rss / total;
		site->bytes_are_rss = true;
	}
}

/* Since the look before, at which there were none of what has no series. */
static int64_t change(const struct growth *g, const struct series *s, uint64_t now)
{
	return (int64_t)now - (int64_t)(s ? s->recent[g->history.n_recent - 1] : 0);
}

int growth_add(struct growth *g, const struct snapshot *s, const struct group_past *past,
	       struct interval *ret)
{
	uint32_t room = s->n_groups ? s->n_groups : 1, n;
	struct site *sites = arena_alloc(s->arena, room, sizeof(*sites));
	struct group_past *pasts = arena_alloc(s->arena, room, sizeof(*pasts));

	if (!sites || !pasts || sum_up(s, past, sites, pasts, &n) < 0)
		return -ENOMEM;
	ret->number = g->history.looks;
	ret->snapshot = s;
	for (uint32_t i = 0; i < n; i++) {
		const struct group *largest = &s->groups[sites[i].group];
		const struct track *t = track_of(g, sites[i].id);

		if (g->history.looks) {
			sites[i].delta = change(g, t ? &t->counts : NULL, here(&sites[i]));
			sites[i].arrived = pasts[i].arrived;
		}
		sites[i].verdict = largest->verdict;
		sites[i].pattern = largest->pattern;
		if (t)
			judge(g, s, t, &pasts[i], ret, &sites[i]);
		if (sites[i].grows)
			weigh(g, ret, &sites[i]);
	}
	growth_name(s, sites, n);
	if (n)
		qsort(sites, n, sizeof(*sites), by_weight);
	ret->sites = sites;
	ret->n_sites = n;
	if (g->history.looks) {
		ret->goroutines_delta = change(g, &g->total, s->total);
		ret->threads_delta = change(g, &g->threads, ret->threads);
		ret->rss_delta = change(g, &g->rss, ret->rss_bytes);
	}
	judge_rss(g, ret);
	judge_threads(g, ret);
	remember(g, ret);
	return forget_old(g);
}
