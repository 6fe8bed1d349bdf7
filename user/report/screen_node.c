// SPDX-License-Identifier: Apache-2.0
/* The list of processes, worst first. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "report/columns.h"
#include "report/screen_parts.h"

enum { LINES_FOR_COST = 10 };

enum cell {
	PID, NAME, KIND, GOROUTINES, CHANGE, RATE, RSS, RSS_CHANGE, THREADS, CPU, VERDICT, CELLS
};

static const struct column columns[CELLS] = {
	[PID] = { .title = "PID", .least = 7, .most = 8, .rank = 1, .right = true },
	[NAME] = { .title = "PROCESS", .least = 20, .most = 40, .rank = 0 },
	[KIND] = { .title = "KIND", .least = 4, .most = 4, .rank = 9 },
	[GOROUTINES] = { .title = "GOROUTINES", .least = 10, .most = 11, .rank = 2, .right = true },
	[CHANGE] = { .title = "CHANGE", .least = 6, .most = 8, .rank = 6, .right = true },
	[RATE] = { .title = "GROW/MIN", .least = 8, .most = 9, .rank = 4, .right = true },
	[RSS] = { .title = "RSS", .least = 8, .most = 8, .rank = 3, .right = true },
	[RSS_CHANGE] = { .title = "CHANGE", .least = 9, .most = 10, .rank = 8, .right = true },
	[THREADS] = { .title = "THREADS", .least = 7, .most = 7, .rank = 7, .right = true },
	[CPU] = { .title = "CORES", .least = 6, .most = 6, .rank = 10, .right = true },
	[VERDICT] = { .title = "VERDICT", .least = 15, .most = 24, .rank = 5 },
};

/* What the list says of a process, whoever has found it out. */
struct facts {
	const struct screen_process *p;
	struct screen_verdict verdict;
	enum node_kind kind;
	enum watch_state state;
	struct trend goroutines, rss, threads;
	double cores;		/* negative unknown */
	bool climbs;		/* its RSS, and nothing says why */
};

static enum node_kind kind_of(const struct process_info *p)
{
	if (!p->go_version)
		return NODE_C;
	return p->cgo_known && p->cgo ? NODE_CGO : NODE_GO;
}

static struct facts facts_of(const struct screen_process *p)
{
	struct facts f = { .p = p, .cores = -1 };
	const struct interval *i = p->now;

	screen_judge(p, &f.verdict);
	if (p->node) {
		f.kind = p->node->kind;
		f.state = p->node->state;
		f.goroutines = p->node->goroutines;
		f.rss = p->node->rss;
		f.threads = p->node->threads;
		f.cores = p->node->cores;
		f.climbs = f.rss.grows;
		return f;
	}
	f.kind = kind_of(p->process);
	if (p->process->go_version && p->seen && p->seen->snapshot)
		f.goroutines = (struct trend){ .known = true, .now = p->seen->snapshot->total,
					       .delta = p->seen->goroutines_delta };
	if (!i)
		return f;
	f.state = i->state;
	f.rss = (struct trend){ .known = i->rss_bytes, .now = i->rss_bytes, .delta = i->rss_delta };
	f.threads = (struct trend){ .known = i->threads, .now = i->threads,
				    .delta = i->threads_delta };
	f.climbs = i->rss_climbs_alone;
	return f;
}

static const char *verdict_words(const struct facts *f, unsigned int width, char *buf)
{
	const struct screen_verdict *v = &f->verdict;
	const char *verdict = verdict_name(v->worst);

	if (f->state != WATCH_RUNNING)
		return watch_state_name(f->state);
	if (v->worst < VERDICT_SUSPECT)
		return f->climbs ? "RSS climbs" : "";
	if (v->pattern && strlen(verdict) + 1 + strlen(v->pattern) > width)
		return v->pattern;
	snprintf(buf, WORDS_CELL, "%s %s", verdict, v->pattern ? v->pattern : "");
	return buf;
}

static const char *cell_words(enum cell cell, const struct facts *f, unsigned int width, char *buf)
{
	switch (cell) {
	case PID:
		snprintf(buf, WORDS_CELL, "%d", screen_pid(f->p));
		return buf;
	case NAME:
		return screen_name(f->p);
	case KIND:
		return node_kind_name(f->kind);
	case GOROUTINES:
		return f->goroutines.known ? words_count(f->goroutines.now, buf) : "-";
	case CHANGE:
		return f->goroutines.delta ? screen_change(f->goroutines.delta, buf) : "";
	case RATE:
		return f->verdict.per_min > 0 ? screen_rate(f->verdict.per_min, buf) : "";
	case RSS:
		return f->rss.known ? words_bytes(f->rss.now, buf) : "-";
	case RSS_CHANGE:
		return f->rss.delta ? screen_bytes_change(f->rss.delta, buf) : "";
	case THREADS:
		return f->threads.known ? words_count(f->threads.now, buf) : "-";
	case CPU:
		if (f->cores < 0)
			return "";
		snprintf(buf, WORDS_CELL, "%.2f", f->cores);
		return buf;
	case VERDICT:
		return verdict_words(f, width, buf);
	default:
		return "";
	}
}

static void put_row(struct pane *p, const struct column *fit, const struct screen_process *proc,
		    bool selected)
{
	struct facts f = facts_of(proc);
	char buf[WORDS_CELL];

	canvas_style(&p->c, screen_style(f.verdict.worst), selected);
	if (selected)
		canvas_fill(&p->c);
	for (size_t k = 0; k < CELLS; k++)
		if (fit[k].width)
			screen_cell(p, &fit[k], cell_words(k, &f, fit[k].width, buf));
}

static void put_counts(const struct screen *s, struct pane *p)
{
	const struct node_look *n = s->list.node;
	char words[WORDS_NUMBER];

	canvas_style(&p->c, STYLE_BOLD, false);
	canvas_piece(&p->c, "%s process%s", words_count(s->list.n, words),
		     s->list.n == 1 ? "" : "es");
	canvas_style(&p->c, STYLE_NONE, false);
	if (!n) {
		canvas_piece(&p->c, "a look every %g s", p->form->every_s);
		return;
	}
	canvas_piece(&p->c, "%" PRIu32 " of them Go", n->n_go);
	if (n->began || n->ended)
		canvas_piece(&p->c, "+%" PRIu64 " -%" PRIu64, n->began, n->ended);
	if (n->long_waits)
		canvas_piece(&p->c, "%s long waits", words_count(n->long_waits, words));
	if (n->unreadable)
		canvas_piece(&p->c, "%" PRIu32 " not ours to read", n->unreadable);
	if (n->stuck)
		canvas_piece(&p->c, "%" PRIu32 " do not answer", n->stuck);
	if (n->futex.refused)
		canvas_piece(&p->c, "futex refused: %s", n->futex.refused);
}

static void put_head(const struct screen *s, struct pane *p, const struct column *fit)
{
	if (pane_line(p))
		put_counts(s, p);
	if (pane_line(p))
		screen_table_head(p, fit, CELLS);
}

void screen_node(struct screen *s, struct pane *p)
{
	struct view_cursor *cursor = &s->view.cursor[VIEW_NODE];
	struct column fit[CELLS];

	memcpy(fit, columns, sizeof(fit));
	columns_fit(fit, CELLS, p->c.width);
	put_head(s, p, fit);
	if (s->list.node && p->c.rows >= LINES_FOR_COST) {
		const struct overhead *o = &s->list.node->overhead;
		struct pane cost = *p;

		cost.y = --p->bottom;
		screen_cost(o, o->target_cpu * 100, &cost);
	}
	if (!s->n_rows && pane_line(p))
		canvas_put(&p->c, s->view.filter[0] ? "no process has that in its name" :
						      "no process to watch yet");
	view_settle(&s->view, s->rows, s->n_rows, p->bottom > p->y ? p->bottom - p->y : 0);
	for (size_t k = cursor->first; k < s->n_rows && pane_line(p); k++)
		put_row(p, fit, &s->list.all[s->rows[k].index], k == cursor->at);
}
