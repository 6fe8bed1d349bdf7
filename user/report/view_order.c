// SPDX-License-Identifier: Apache-2.0
/* Which rows pass the filter, and in which order they stand. */
#include "report/view.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/site.h"
#include "report/screen.h"

/* --- The filter --- */

static bool has(const char *s, const char *part)
{
	return s && strcasestr(s, part);
}

static bool frame_has(const struct frame *f, const char *part)
{
	return has(f->function, part) || (f->file && has(site_base_name(f->file), part));
}

static bool group_has(const struct group *g, const char *part)
{
	if (has(g->wait_reason ? g->wait_reason : go_state_name(g->state), part) ||
	    has(g->pattern, part) || frame_has(&g->created_by, part) ||
	    frame_has(&g->started, part))
		return true;
	for (uint32_t i = 0; i < g->stack.n; i++)
		if (frame_has(&g->stack.frames[i], part))
			return true;
	return false;
}

static bool process_has(const struct screen_process *p, const char *part)
{
	char pid[16];

	snprintf(pid, sizeof(pid), "%d", screen_pid(p));
	return has(screen_name(p), part) || strcmp(pid, part) == 0 ||
	       (p->process && (has(p->process->unit, part) || has(p->process->exe, part)));
}

/* --- Sorting: what compares equal stays as it came, which is the interval's own order. --- */

struct order {
	enum view_sort sort;
	const struct interval *interval;
	const struct screen_process *processes;
};

static int more_first(double a, double b)
{
	return a < b ? 1 : a > b ? -1 : 0;
}

static int as_it_came(const struct view_row *a, const struct view_row *b)
{
	return a->index < b->index ? -1 : a->index > b->index;
}

static int compare_sites(const void *pa, const void *pb, void *p)
{
	const struct view_row *ra = pa, *rb = pb;
	const struct order *o = p;
	const struct site *a = &o->interval->sites[ra->index], *b = &o->interval->sites[rb->index];
	const struct group *groups = o->interval->snapshot->groups;
	int r = 0;

	switch (o->sort) {
	case VIEW_BY_COUNT:
		r = more_first((double)a->count, (double)b->count);
		break;
	case VIEW_BY_AGE:
		r = more_first((double)groups[a->group].oldest_wait_ns,
			       (double)groups[b->group].oldest_wait_ns);
		break;
	case VIEW_BY_RATE:
		r = more_first(a->window_s > 0 ? a->rate_per_min : -1e300,
			       b->window_s > 0 ? b->rate_per_min : -1e300);
		break;
	default:
		break;
	}
	return r ? r : as_it_came(ra, rb);
}

int view_sites(const struct view *v, const struct interval *i, struct view_row **ret, size_t *n)
{
	struct order o = { .sort = v->sort[VIEW_PROCESS], .interval = i };
	size_t n_sites = i && i->snapshot ? i->n_sites : 0, kept = 0;
	struct view_row *rows = malloc((n_sites + 1) * sizeof(*rows));

	if (!rows)
		return -ENOMEM;
	for (size_t k = 0; k < n_sites; k++) {
		const struct site *site = &i->sites[k];

		if (v->filter[0] && !group_has(&i->snapshot->groups[site->group], v->filter) &&
		    !has(site->pattern, v->filter))
			continue;
		rows[kept++] = (struct view_row){ .key = site->id, .index = k };
	}
	qsort_r(rows, kept, sizeof(*rows), compare_sites, &o);
	*ret = rows;
	*n = kept;
	return 0;
}

/* --- Processes --- */

/* A look at the node has judged already. */
static void judged(const struct node_process *p, struct screen_verdict *ret)
{
	if (p->n_findings) {
		ret->worst = p->findings[0].verdict;
		ret->pattern = p->findings[0].pattern;
	}
	if (p->goroutines.grows)
		ret->per_min = p->goroutines.rate_per_min;
}

void screen_judge(const struct screen_process *p, struct screen_verdict *ret)
{
	const struct interval *i = p->seen;
	const struct activity *a = i ? i->activity : NULL;

	*ret = (struct screen_verdict){ 0 };
	if (p->node) {
		judged(p->node, ret);
		return;
	}
	for (uint32_t k = 0; i && i->snapshot && k < i->n_sites; k++) {
		const struct site *site = &i->sites[k];

		if (site->grows && !site->echo && site->rate_per_min > 0)
			ret->per_min += site->rate_per_min;
		if (site->echo || site->verdict <= ret->worst)
			continue;
		ret->worst = site->verdict;
		ret->pattern = site->pattern;
	}
	for (uint32_t k = 0; a && k < a->n_findings; k++) {
		if (a->findings[k].verdict <= ret->worst)
			continue;
		ret->worst = a->findings[k].verdict;
		ret->pattern = a->findings[k].pattern;
	}
	if (ret->worst < VERDICT_SUSPECT)
		ret->pattern = NULL;
}

static uint64_t goroutines_of(const struct screen_process *p)
{
	if (p->node)
		return p->node->goroutines.known ? p->node->goroutines.now : 0;
	return p->seen && p->seen->snapshot ? p->seen->snapshot->total : 0;
}

static uint64_t rss_of(const struct screen_process *p)
{
	if (p->node)
		return p->node->rss.known ? p->node->rss.now : 0;
	return p->now ? p->now->rss_bytes : 0;
}

static uint64_t threads_of(const struct screen_process *p)
{
	if (p->node)
		return p->node->threads.known ? p->node->threads.now : 0;
	return p->now ? p->now->threads : 0;
}

static bool climbs(const struct screen_process *p)
{
	return p->node ? p->node->rss.grows : p->now && p->now->rss_climbs_alone;
}

static int compare_worst(const struct screen_process *a, const struct screen_process *b)
{
	struct screen_verdict va, vb;
	int r;

	screen_judge(a, &va);
	screen_judge(b, &vb);
	r = more_first(va.worst >= VERDICT_SUSPECT ? va.worst : 0,
		       vb.worst >= VERDICT_SUSPECT ? vb.worst : 0);
	if (r == 0)
		r = more_first(va.per_min, vb.per_min);
	if (r == 0)
		r = more_first(climbs(a), climbs(b));
	return r ? r : more_first((double)goroutines_of(a), (double)goroutines_of(b));
}

static int compare_processes(const void *pa, const void *pb, void *p)
{
	const struct view_row *ra = pa, *rb = pb;
	const struct order *o = p;
	const struct screen_process *a = &o->processes[ra->index], *b = &o->processes[rb->index];
	int r;

	switch (o->sort) {
	case VIEW_BY_COUNT:
		r = more_first((double)goroutines_of(a), (double)goroutines_of(b));
		break;
	case VIEW_BY_AGE:
		r = more_first((double)rss_of(a), (double)rss_of(b));
		break;
	case VIEW_BY_RATE:
		r = more_first((double)threads_of(a), (double)threads_of(b));
		break;
	default:
		/* A look at the node has them in that order. */
		r = a->node ? as_it_came(ra, rb) : compare_worst(a, b);
		break;
	}
	/* Of equals the one with the smaller pid: places in the list are given out again. */
	if (r == 0)
		r = screen_pid(a) < screen_pid(b) ? -1 : screen_pid(a) > screen_pid(b);
	return r ? r : as_it_came(ra, rb);
}

int view_processes(const struct view *v, const struct screen_process *all, size_t n_all,
		   struct view_row **ret, size_t *n)
{
	struct order o = { .sort = v->sort[VIEW_NODE], .processes = all };
	struct view_row *rows = malloc((n_all + 1) * sizeof(*rows));
	size_t kept = 0;

	if (!rows)
		return -ENOMEM;
	for (size_t k = 0; k < n_all; k++)
		if (!v->filter[0] || process_has(&all[k], v->filter))
			rows[kept++] = (struct view_row){ .key = all[k].key, .index = k };
	qsort_r(rows, kept, sizeof(*rows), compare_processes, &o);
	*ret = rows;
	*n = kept;
	return 0;
}
