// SPDX-License-Identifier: Apache-2.0
#include "collect/timer_watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/history.h"
#include "analysis/verdict.h"
#include "base/diag.h"
#include "collect/timer_sites.h"
#include "goruntime/timers.h"

struct timer_watch {
	struct go_runtime *rt;
	struct go_timers *timers;
	struct history history;
	struct series count;
	uint64_t unwaited;	/* at the first look */
	double start_s;		/* of that one */
	bool looked;
	bool goes_on;		/* by the last look */
};

/* What else is wrong with the process is found by whoever reads more of it. */
static int only_memory(int r)
{
	return r == -ENOMEM ? r : 0;
}

static int judge(struct go_runtime *rt, struct snapshot *s, const struct timer_growth *growth)
{
	const struct timer_pile pile = {
		.now = s->timers, .goroutines = s->total, .minor = rt->minor, .growth = growth,
	};
	struct finding found;
	int r = timer_pile_judge(&pile, s->arena, &found);

	if (r <= 0)
		return r;
	r = snapshot_reserve_findings(s, 1);
	if (r < 0)
		return r;
	s->findings[s->n_findings++] = found;
	return verdict_sort(s);
}

static int take(struct go_timers *t, struct go_runtime *rt, const struct timer_growth *growth,
		struct snapshot *s, struct diag *d)
{
	struct timer_look *l = arena_alloc(s->arena, 1, sizeof(*l));
	int r = l ? go_timers_read(t, l, d) : -ENOMEM;

	if (r == 0 && timer_pile_possible(l, s->total))
		r = timer_sites_find(rt, s, l);
	if (r < 0)
		return r;
	s->timers = l;
	return judge(rt, s, growth);
}

int timers_add(struct go_runtime *rt, struct snapshot *s)
{
	CLEANUP(go_timers_close_p) struct go_timers *t = NULL;
	struct diag d = DIAG_INIT;
	int r = go_timers_open(rt, &t, &d);

	if (r == 0)
		r = take(t, rt, NULL, s, &d);
	if (r < 0 && r != -ENOMEM)
		snapshot_note(s, "its timers are not told: %s", d.why[0] ? d.why : strerror(-r));
	return only_memory(r);
}

int timer_watch_open(struct go_runtime *rt, struct timer_watch **ret)
{
	CLEANUP(timer_watch_close_p) struct timer_watch *w = calloc(1, sizeof(*w));
	struct diag ignored = DIAG_INIT;
	int r = w ? go_timers_open(rt, &w->timers, &ignored) : -ENOMEM;

	if (r < 0)
		return only_memory(r);
	w->rt = rt;
	*ret = TAKE(w);
	return 0;
}

void timer_watch_close(struct timer_watch *w)
{
	if (!w)
		return;
	go_timers_close(w->timers);
	free(w);
}

int timer_watch_look(struct timer_watch *w, double now_s)
{
	struct diag ignored = DIAG_INIT;
	struct timer_look first;
	struct window all;
	uint64_t n;
	int r;

	if (!w->looked) {
		r = go_timers_read(w->timers, &first, &ignored);
		if (r < 0)
			return only_memory(r);
		w->unwaited = first.unwaited;
		w->start_s = now_s;
		w->looked = true;
	}
	r = go_timers_count(w->timers, &n);
	if (r < 0)
		return only_memory(r);
	all = history_whole(&w->history, &w->count, now_s, n);
	w->goes_on = all.n >= HISTORY_LOOKS && window_goes_on(&all);
	history_put(&w->history, &w->count, n);
	history_next(&w->history, now_s);
	return 0;
}

int timer_watch_end(struct timer_watch *w, double now_s, struct snapshot *s)
{
	const struct timer_growth growth = {
		.before = w->unwaited, .goes_on = w->goes_on,
		.span_s = w->looked ? now_s - w->start_s : 0,
	};
	struct diag ignored = DIAG_INIT;

	return only_memory(take(w->timers, w->rt, &growth, s, &ignored));
}
