// SPDX-License-Identifier: Apache-2.0
/* Of thousands of sites in thousands of processes of one name, the few that are told apart. */
#include "report/openmetrics_target.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/site.h"

/* Sites of one process that are candidates: what is shown by then may be a little smaller. */
enum { OF_A_PROCESS = 2 * LIMIT_METRIC_SITES };

/* As site_string() has it, but in no more room than a label has. */
static void place(const struct group *g, const char *module, char clean[METRIC_VALUE])
{
	const struct frame *f = site_frame(&g->stack, module);
	char raw[2 * METRIC_VALUE];

	if (!f)
		snprintf(raw, sizeof(raw), "%s", g->no_stack ? g->no_stack : "unknown");
	else if (!f->function)
		snprintf(raw, sizeof(raw), "0x%" PRIx64, f->pc);
	else if (!f->file)
		snprintf(raw, sizeof(raw), "%s", f->function);
	else if (!f->line)
		snprintf(raw, sizeof(raw), "%s %s", f->function, site_base_name(f->file));
	else
		snprintf(raw, sizeof(raw), "%s %s:%" PRIu32, f->function, site_base_name(f->file),
			 f->line);
	metric_clean(raw, clean);
}

static struct target_site *find(const struct target_sites *t, const char *site,
				const char *wait_reason)
{
	for (uint32_t i = 0; i < t->n; i++)
		if (strcmp(t->all[i].site, site) == 0 &&
		    strcmp(t->all[i].wait_reason, wait_reason) == 0)
			return &t->all[i];
	return NULL;
}

/* *ret NULL: there is no room for one more. */
static int row_of(struct target_sites *t, struct arena *a, const struct site *s,
		  const struct node_process *p, struct target_site **ret)
{
	const struct group *g = &p->interval->snapshot->groups[s->group];
	char site[METRIC_VALUE], reason[METRIC_VALUE];
	struct target_site *row;

	/* Most processes of one name run one binary, and then an id says it all. */
	for (uint32_t i = 0; i < t->n; i++) {
		if (t->all[i].id == s->id) {
			*ret = &t->all[i];
			return 0;
		}
	}
	place(g, p->info ? p->info->module : NULL, site);
	metric_clean(g->wait_reason ? g->wait_reason : "", reason);
	*ret = find(t, site, reason);
	if (*ret || t->n == TARGET_SITES)
		return 0;
	row = &t->all[t->n];
	*row = (struct target_site){ .id = s->id, .site = arena_strdup(a, site),
				     .wait_reason = arena_strdup(a, reason) };
	if (!row->site || !row->wait_reason)
		return -ENOMEM;
	t->n++;
	*ret = row;
	return 0;
}

static void add_to(struct target_site *row, const struct site *s, uint32_t process)
{
	double before;

	if (row->process != process)
		row->in_process = 0;
	before = (double)row->in_process;
	row->id = s->id;
	row->process = process;
	row->in_process += s->count;
	row->count += s->count;
	row->squares += (double)row->in_process * (double)row->in_process - before * before;
	row->judged |= s->window_s > 0 || s->grows;
	if (s->grows && !s->echo) {
		row->growing++;
		row->rate_per_s += s->rate_per_min / 60;
	}
}

int target_sites_add(struct target_sites *t, struct arena *a, const struct node_process *p)
{
	const struct interval *i = p->interval;
	int r = 0;

	if (!t->all)
		t->all = arena_alloc(a, TARGET_SITES, sizeof(*t->all));
	if (!t->all)
		return -ENOMEM;
	t->processes++;
	if (i->n_sites > t->most)
		t->most = i->n_sites;
	/* Those that grow first, then by count: what comes later is small in this process. */
	for (uint32_t k = 0; r == 0 && k < i->n_sites; k++) {
		struct target_site *row = NULL;

		if (k < OF_A_PROCESS)
			r = row_of(t, a, &i->sites[k], p, &row);
		if (row)
			add_to(row, &i->sites[k], t->processes);
		else
			t->others += i->sites[k].count;
	}
	return r;
}

/* A quarter more for those that are shown already. */
static double weight(const struct target_site *s)
{
	return (double)s->count * (s->shown_before ? 1.25 : 1);
}

static int by_weight(const void *a, const void *b)
{
	const struct target_site *x = a, *y = b;
	int order = (x->growing == 0) - (y->growing == 0);

	if (!order)
		order = (weight(x) < weight(y)) - (weight(x) > weight(y));
	if (!order)
		order = strcmp(x->site, y->site);
	return order ? order : strcmp(x->wait_reason, y->wait_reason);
}

/* A function may have that name; there can be but one of it. */
static void drop_other(struct target_sites *t)
{
	struct target_site *row = find(t, "other", "");

	if (!row)
		return;
	t->others += row->count;
	*row = t->all[--t->n];
}

void target_sites_close(struct target_sites *t, const struct target_sites *before)
{
	drop_other(t);
	for (uint32_t i = 0; before && i < t->n; i++)
		t->all[i].shown_before = find(before, t->all[i].site, t->all[i].wait_reason);
	if (t->n)
		qsort(t->all, t->n, sizeof(*t->all), by_weight);
	for (; t->n > LIMIT_METRIC_SITES; t->n--)
		t->others += t->all[t->n - 1].count;
}
