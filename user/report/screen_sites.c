// SPDX-License-Identifier: Apache-2.0
/* A process: what it is, what collectors saw of it, and its sites. */
#include <stdio.h>
#include <string.h>

#include "report/columns.h"
#include "report/screen_parts.h"

/* So many lines must there be for the things around the table. */
enum { LINES_FOR_COST = 10, LINES_FOR_DETAIL = 14, LINES_FOR_ACTIVITY = 12 };

/* --- Above the table --- */

static void put_clock(struct pane *p, const struct interval *i)
{
	char words[WORDS_NUMBER];

	/* At the right, if there is room for it. */
	if (!i || p->c.at + 2 + 8 > p->c.width)
		return;
	canvas_cell(&p->c, p->c.width - 8, 8);
	canvas_put(&p->c, words_clock(&i->time, words));
}

static void put_title(const struct screen *s, struct pane *p)
{
	const struct process_info *info = s->open->process;
	const struct interval *i = s->open->now;
	char words[WORDS_NUMBER];

	canvas_style(&p->c, STYLE_BOLD, false);
	canvas_put(&p->c, screen_name(s->open));
	canvas_style(&p->c, STYLE_NONE, false);
	canvas_piece(&p->c, "pid %d", screen_pid(s->open));
	if (!info) {
		canvas_piece(&p->c, "%s", node_kind_name(s->open->node->kind));
		if (s->open->node->not_read)
			canvas_piece(&p->c, "%.300s", s->open->node->not_read);
		return;
	}
	if (i && i->state != WATCH_RUNNING) {
		canvas_style(&p->c, STYLE_RED, false);
		canvas_piece(&p->c, "%s: %.300s", watch_state_name(i->state),
			     i->reason ? i->reason : "");
		canvas_style(&p->c, STYLE_NONE, false);
	}
	canvas_piece(&p->c, "%s", info->go_version ? info->go_version : "not Go");
	if (info->uptime_s >= 0)
		canvas_piece(&p->c, "up %s", words_uptime(info->uptime_s, words));
	if (info->unit)
		canvas_piece(&p->c, "%s", info->unit);
	put_clock(p, i);
}

/* Of a process that has no more than its line of /proc. */
static void put_node_counts(const struct node_process *n, struct pane *p)
{
	char words[WORDS_NUMBER], more[SCREEN_CHANGE];

	if (n->rss.known)
		canvas_piece(&p->c, "RSS %s", words_bytes(n->rss.now, words));
	if (n->rss.known && n->rss.delta)
		canvas_printf(&p->c, " %s", screen_bytes_change(n->rss.delta, more));
	if (n->threads.known)
		canvas_piece(&p->c, "%s threads", words_count(n->threads.now, words));
	if (n->threads.known && n->threads.delta)
		canvas_printf(&p->c, " %s", screen_change(n->threads.delta, more));
	if (n->cores >= 0)
		canvas_piece(&p->c, "%.2f cores", n->cores);
}

static void put_counts(const struct screen *s, struct pane *p)
{
	const struct interval *i = s->open->now, *seen = s->open->seen;
	char words[WORDS_NUMBER], more[SCREEN_CHANGE];

	if (!i && s->open->node)
		put_node_counts(s->open->node, p);
	else if (!i)
		canvas_put(&p->c, "the first look is being taken");
	if (!i)
		return;
	if (s->open->process->go_version && seen && seen->snapshot) {
		canvas_piece(&p->c, "%s goroutines", words_count(seen->snapshot->total, words));
		if (seen->number)
			canvas_put(&p->c, " ");
		if (seen->number)
			canvas_put(&p->c, screen_change(seen->goroutines_delta, more));
	}
	if (i->rss_bytes)
		canvas_piece(&p->c, "RSS %s", words_bytes(i->rss_bytes, words));
	if (i->rss_bytes && i->number && i->rss_delta)
		canvas_printf(&p->c, " %s", screen_bytes_change(i->rss_delta, more));
	if (i->threads)
		canvas_piece(&p->c, "%s threads", words_count(i->threads, words));
	if (i->threads && i->number && i->threads_delta)
		canvas_printf(&p->c, " %s", screen_change(i->threads_delta, more));
	if (i->lost_events) {
		canvas_style(&p->c, STYLE_YELLOW, false);
		canvas_piece(&p->c, "%s events lost", words_count(i->lost_events, words));
	}
}

void screen_process_head(const struct screen *s, struct pane *p)
{
	if (pane_line(p))
		put_title(s, p);
	if (pane_line(p))
		put_counts(s, p);
}

/* The share of a process that does little is large and says nothing. */
static double probes_percent(const struct overhead *o)
{
	return o->target_cpu >= 0 && o->target_percent > 0 ?
		       o->target_cpu * o->core_percent / o->target_percent * 100 : -1;
}

void screen_cost(const struct overhead *o, double probes, struct pane *p)
{
	char words[WORDS_NUMBER];

	if (!canvas_line(&p->c, p->y))
		return;
	canvas_style(&p->c, STYLE_DIM, false);
	canvas_put(&p->c, "cost");
	canvas_piece(&p->c, "%.2f %% of a core", o->core_percent);
	if (probes >= 0)
		canvas_piece(&p->c, "probes %.2f %%", probes);
	if (o->budget_percent > 0)
		canvas_piece(&p->c, "budget %g %%", o->budget_percent);
	canvas_piece(&p->c, "%.1f ms for this look", o->cpu_ms);
	if (o->rss_bytes)
		canvas_piece(&p->c, "%s of memory", words_bytes(o->rss_bytes, words));
}

/* --- The table --- */

enum cell { COUNT, CHANGE, RATE, LEFT, AGE, WAIT, WHERE, BLOCKED, VERDICT, CELLS };

static const struct column columns[CELLS] = {
	[COUNT] = { .title = "COUNT", .least = 7, .most = 9, .rank = 1, .right = true },
	[CHANGE] = { .title = "CHANGE", .least = 6, .most = 8, .rank = 2, .right = true },
	[RATE] = { .title = "A MINUTE", .least = 8, .most = 9, .rank = 3, .right = true },
	[LEFT] = { .title = "LEFT", .least = 14, .most = 18, .rank = 6, .right = true },
	[AGE] = { .title = "AGE>=", .least = 5, .most = 5, .rank = 8, .right = true },
	[WAIT] = { .title = "WAIT", .least = 12, .most = 23, .rank = 5 },
	[WHERE] = { .title = "WHERE", .least = 26, .most = 70, .rank = 0 },
	[BLOCKED] = { .title = "BLOCKED ON", .least = 18, .most = 45, .rank = 7 },
	[VERDICT] = { .title = "VERDICT", .least = 13, .most = 24, .rank = 4 },
};

static const char *verdict_words(const struct site *site, unsigned int width, char *buf)
{
	const char *verdict = verdict_name(site->verdict);

	if (site->verdict <= VERDICT_OK && !site->grew && !site->grows)
		return "";
	if (site->verdict <= VERDICT_OK)
		return site->grows ? "grows" : "calm";
	/* The pattern says more than how sure it is, which the colour says. */
	if (site->pattern && strlen(verdict) + 1 + strlen(site->pattern) > width)
		return site->pattern;
	snprintf(buf, WORDS_CELL, "%s %s", verdict, site->pattern ? site->pattern : "");
	return buf;
}

static const char *cell_words(enum cell cell, const struct interval *i, const struct site *site,
			      unsigned int width, char *buf)
{
	const struct group *g = &i->snapshot->groups[site->group];

	switch (cell) {
	case COUNT:
		return words_count(site->count, buf);
	case CHANGE:
		return i->number ? screen_change(site->delta, buf) : "-";
	case RATE:
		return site->window_s > 0 ? screen_rate(site->rate_per_min, buf) : "-";
	case LEFT:
		return screen_left(&site->cohort, buf);
	case AGE:
		return words_age(g->oldest_wait_ns, buf);
	case WAIT:
		return g->wait_reason ? g->wait_reason : go_state_name(g->state);
	case WHERE:
		return screen_group_place(g, i->snapshot->process.module, width, buf);
	case BLOCKED:
		return words_wait(&g->blocked_on, buf);
	case VERDICT:
		return verdict_words(site, width, buf);
	default:
		return "";
	}
}

static enum line_style site_style(const struct site *site)
{
	enum line_style style = screen_style(site->verdict);

	return site->grows && style == STYLE_NONE ? STYLE_YELLOW : style;
}

static void put_row(struct pane *p, const struct column *fit, const struct interval *i,
		    const struct site *site, bool selected)
{
	char buf[WORDS_CELL];

	canvas_style(&p->c, site_style(site), selected);
	if (selected)
		canvas_fill(&p->c);
	for (size_t k = 0; k < CELLS; k++)
		if (fit[k].width)
			screen_cell(p, &fit[k], cell_words(k, i, site, fit[k].width, buf));
}

/* What of the selected row found no column. */
static void put_detail(struct pane *p, const struct column *fit, const struct interval *i,
		       const struct site *site)
{
	const struct group *g = &i->snapshot->groups[site->group];
	char buf[WORDS_CELL];

	if (!canvas_line(&p->c, p->y))
		return;
	canvas_style(&p->c, STYLE_DIM, false);
	canvas_put(&p->c, ">");
	if (!fit[WAIT].width)
		canvas_piece(&p->c, "%s", cell_words(WAIT, i, site, 0, buf));
	if (!fit[BLOCKED].width && *words_wait(&g->blocked_on, buf))
		canvas_piece(&p->c, "on %s", buf);
	if (!fit[LEFT].width && site->cohort.age_s > 0)
		canvas_piece(&p->c, "%s left", screen_left(&site->cohort, buf));
	if (site->verdict > VERDICT_OK)
		canvas_piece(&p->c, "%s %s", verdict_name(site->verdict),
			     site->pattern ? site->pattern : "");
	if (g->created_by.function)
		canvas_piece(&p->c, "by %s", words_place(&g->created_by, p->c.width, buf));
}

static void put_table(struct screen *s, struct pane *p, const struct column *fit)
{
	const struct interval *i = s->open->seen;
	struct view *v = &s->view;

	if (!pane_line(p))
		return;
	if (!s->n_rows) {
		canvas_style(&p->c, STYLE_DIM, false);
		if (v->filter[0])
			canvas_put(&p->c, "no site has that in a function, file or wait reason");
		else if (s->open->process && s->open->process->go_version && i && i->snapshot)
			canvas_put(&p->c, "no goroutine is parked");
		return;
	}
	screen_table_head(p, fit, CELLS);
	view_settle(v, s->rows, s->n_rows, p->bottom - p->y);
	for (size_t k = v->cursor[VIEW_PROCESS].first; k < s->n_rows && pane_line(p); k++)
		put_row(p, fit, i, &i->sites[s->rows[k].index], k == v->cursor[VIEW_PROCESS].at);
}

void screen_sites(struct screen *s, struct pane *p)
{
	struct column fit[CELLS];
	unsigned int end = p->bottom, lines = p->c.rows, room;

	if (!s->open)
		return;
	memcpy(fit, columns, sizeof(fit));
	columns_fit(fit, CELLS, p->c.width);
	screen_process_head(s, p);
	if (lines >= LINES_FOR_COST && s->open->now) {
		const struct overhead *o = &s->open->now->overhead;
		struct pane cost = *p;

		cost.y = p->bottom = --end;
		screen_cost(o, probes_percent(o), &cost);
	}
	if (lines >= LINES_FOR_DETAIL && s->n_rows) {
		struct pane detail = *p;
		size_t at = s->view.cursor[VIEW_PROCESS].at;

		detail.y = p->bottom = --end;
		put_detail(&detail, fit, s->open->seen, &s->open->seen->sites[s->rows[at].index]);
	}
	room = s->n_rows || s->view.filter[0] ? lines / 3 - 2 : lines;
	if (lines >= LINES_FOR_ACTIVITY)
		screen_activity(s, p, room);
	put_table(s, p, fit);
}
