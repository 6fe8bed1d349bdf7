// SPDX-License-Identifier: Apache-2.0
/* What a look of the node tells of each process. */
#include "collect/node_state.h"

#include <errno.h>
#include <time.h>
#include <unistd.h>

#include "analysis/node_judge.h"
#include "base/clock.h"
#include "collect/watch.h"

static void describe_goroutines(const struct interval *i, struct node_process *p)
{
	if (!i || !i->snapshot || !p->info->go_version)
		return;
	p->goroutines = (struct trend){ .known = true, .now = i->snapshot->total,
					.delta = i->goroutines_delta };
	for (uint32_t k = 0; k < i->n_sites; k++) {
		const struct site *s = &i->sites[k];

		if (!s->grows)
			continue;
		p->growing_sites++;
		p->goroutines.grows = true;
		p->goroutines.rate_per_min += s->echo ? 0 : s->rate_per_min;
		if (s->window_s > p->goroutines.window_s)
			p->goroutines.window_s = s->window_s;
	}
}

static void describe_schedule(struct node *n, struct node_entry *e, struct node_process *p)
{
	p->tally = e->tally;
	p->examined = e->exams.last;
	if (e->watched)
		p->interval_s = turns_interval_s(&e->turn, &n->rule);
}

static void describe(struct node *n, struct node_entry *e, struct node_process *p)
{
	const struct node_watch *w = e->watched;
	double up = clock_now_s(CLOCK_BOOTTIME) -
		    (double)e->line.stat.start_ticks / (double)sysconf(_SC_CLK_TCK);

	*p = (struct node_process){
		.pid = e->line.pid,
		.start_time = e->line.stat.start_ticks,
		.name = arena_strdup(n->arena, e->name),
		.kind = e->kind,
		.state = e->line.stat.state == 'T' || e->line.stat.state == 't' ? WATCH_STOPPED
										: WATCH_RUNNING,
		.began = e->first == n->number && n->number > 0,
		.uptime_s = up > 0 ? up : 0,
		.cores = e->cores,
		.rss = e->rss,
		.threads = e->threads,
		.locks = e->locks,
		.findings = e->lock_findings,
		.n_findings = e->n_lock_findings,
		.not_read = e->not_read,
		.cgroup = e->home.cgroup,
		.container_id = e->home.container_id,
		.pod_uid = e->home.pod_uid,
		.unit = e->home.unit,
	};
	if (n->args.scheduled)
		describe_schedule(n, e, p);
	if (!w)
		return;
	if (crew_busy(&w->busy)) {
		p->not_read = "a look at it has not come to its end";
		return;
	}
	if (!w->watch || !w->interval)
		return;
	p->info = watch_process(w->watch);
	p->interval = w->interval;
	p->looked = w->is_new;
	p->name = p->info->name ? p->info->name : p->name;
	describe_goroutines(w->interval, p);
}

/* For the sparkline; where the points lie may change with each one. */
static int remember(struct node *n, struct node_entry *e, struct node_process *p)
{
	const struct node_point point = { .elapsed_s = n->look.elapsed_s, .rss_bytes = p->rss.now,
					  .goroutines = p->goroutines.known ? p->goroutines.now : 0 };
	int r = 0;

	if (!n->args.scheduled)
		return 0;
	if (e->fresh || p->looked)
		r = node_points_add(&e->points, turns_glance_s(&n->rule), &point);
	e->history = (struct node_history){ e->points.all, e->points.n };
	p->history = &e->history;
	return r;
}

int node_describe_all(struct node *n)
{
	struct node_process *all = arena_alloc(n->arena, n->n + n->n_gone + 1, sizeof(*all));
	struct node_look *look = &n->look;
	int r;

	if (!all)
		return -ENOMEM;
	for (size_t i = 0; i < n->n; i++) {
		r = node_home_read(n, n->all[i]);
		if (r < 0)
			return r;
		describe(n, n->all[i], &all[i]);
		r = node_exams_tell(n, n->all[i], &all[i]);
		if (r == 0)
			r = remember(n, n->all[i], &all[i]);
		if (r < 0)
			return r;
		look->n_go += all[i].kind == NODE_GO || all[i].kind == NODE_CGO;
		look->n_unknown += all[i].kind == NODE_UNKNOWN && !all[i].not_read;
		look->unreadable += n->all[i]->not_read != NULL;
	}
	for (size_t i = 0; i < n->n_gone; i++) {
		describe(n, n->gone[i], &all[n->n + i]);
		all[n->n + i].state = WATCH_EXITED;
		if (all[n->n + i].interval)
			all[n->n + i].state = all[n->n + i].interval->state;
	}
	look->stuck = (uint32_t)crew_lost(n->crew);
	look->gone = all + n->n;
	look->n_gone = (uint32_t)n->n_gone;
	r = node_judge(all, (uint32_t)n->n, n->arena, &look->n_worse);
	look->all = all;
	look->n = (uint32_t)n->n;
	return r;
}
