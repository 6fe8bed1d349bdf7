// SPDX-License-Identifier: Apache-2.0
#include "report/screen.h"

#include <curses.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/site.h"
#include "model/interval_copy.h"
#include "report/columns.h"
#include "report/screen_parts.h"

struct screen *screen_new(bool many)
{
	struct screen *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->many = many;
	view_init(&s->view, many);
	return s;
}

void screen_free(struct screen *s)
{
	if (!s)
		return;
	arena_free(s->frozen);
	free(s->rows);
	free(s);
}

struct view *screen_view(struct screen *s)
{
	return &s->view;
}

/* --- What is shown --- */

static bool copy_process(struct arena *a, const struct screen_process *p,
			 struct screen_process *ret)
{
	*ret = (struct screen_process){ .key = p->key };
	if (p->node) {
		ret->node = node_process_copy(a, p->node);
		if (!ret->node)
			return false;
		ret->process = ret->node->info;
		ret->now = ret->seen = ret->node->interval;
		return true;
	}
	ret->process = process_info_copy(a, p->process);
	ret->now = ret->seen = p->now ? interval_copy(a, p->now) : NULL;
	if (p->seen && p->seen != p->now)
		ret->seen = interval_copy(a, p->seen);
	return ret->process && (!p->now || ret->now) && (!p->seen || ret->seen);
}

static int freeze(struct screen *s, const struct screen_list *list)
{
	CLEANUP(arena_free_p) struct arena *a = arena_new();
	struct screen_process *copy = a ? arena_alloc(a, list->n + 1, sizeof(*copy)) : NULL;

	if (!copy)
		return -ENOMEM;
	for (size_t i = 0; i < list->n; i++)
		if (!copy_process(a, &list->all[i], &copy[i]))
			return -ENOMEM;
	s->list = (struct screen_list){ .all = copy, .n = list->n };
	if (list->node) {
		s->node = *list->node;
		s->node.all = s->node.gone = NULL;
		s->node.n_gone = 0;
		if (s->node.futex.refused)
			s->node.futex.refused = arena_strdup(a, s->node.futex.refused);
		s->list.node = &s->node;
	}
	s->frozen = TAKE(a);
	return 0;
}

static int choose(struct screen *s, const struct screen_list *list)
{
	if (s->view.frozen)
		return s->frozen ? 0 : freeze(s, list);
	arena_free(TAKE(s->frozen));
	s->list = *list;
	return 0;
}

static const struct screen_process *find(const struct screen *s)
{
	if (!s->many)
		return s->list.n ? &s->list.all[0] : NULL;
	for (size_t i = 0; i < s->list.n; i++)
		if (s->list.all[i].key == s->view.cursor[VIEW_NODE].key)
			return &s->list.all[i];
	return NULL;
}

int screen_arrange(struct screen *s, const struct screen_list *list)
{
	int r = choose(s, list);

	free(TAKE(s->rows));
	s->n_rows = 0;
	s->open = NULL;
	if (r < 0)
		return r;
	if (s->view.page != VIEW_NODE) {
		s->open = find(s);
		if (!s->open && s->many)
			view_leave(&s->view);
	}
	if (s->view.page == VIEW_SITE)
		return 0;
	if (s->view.page == VIEW_NODE)
		r = view_processes(&s->view, s->list.all, s->list.n, &s->rows, &s->n_rows);
	else
		r = view_sites(&s->view, s->open ? s->open->seen : NULL, &s->rows, &s->n_rows);
	if (r == 0)
		view_settle(&s->view, s->rows, s->n_rows, s->view.rows);
	return r;
}

/* --- Words that pages share --- */

const char *screen_name(const struct screen_process *p)
{
	const char *name = p->process ? p->process->name : p->node->name;

	return name ? name : "?";
}

int screen_pid(const struct screen_process *p)
{
	return p->process ? p->process->pid : p->node->pid;
}

bool pane_line(struct pane *p)
{
	return p->y < p->bottom && canvas_line(&p->c, p->y++);
}

void screen_cell(struct pane *p, const struct column *c, const char *words)
{
	canvas_cell(&p->c, c->at, c->width);
	if (c->right)
		canvas_right(&p->c, words);
	else
		canvas_put(&p->c, words);
}

void screen_table_head(struct pane *p, const struct column *all, size_t n)
{
	canvas_style(&p->c, STYLE_DIM, false);
	for (size_t i = 0; i < n; i++)
		if (all[i].width)
			screen_cell(p, &all[i], all[i].title);
}

char *screen_change(int64_t n, char *buf)
{
	char number[WORDS_NUMBER];

	snprintf(buf, SCREEN_CHANGE, "%s%s", n < 0 ? "-" : n ? "+" : "",
		 words_count(n < 0 ? 0 - (uint64_t)n : (uint64_t)n, number));
	return buf;
}

char *screen_bytes_change(int64_t n, char *buf)
{
	char number[WORDS_NUMBER];

	snprintf(buf, SCREEN_CHANGE, "%s%s", n < 0 ? "-" : "+",
		 words_bytes(n < 0 ? 0 - (uint64_t)n : (uint64_t)n, number));
	return buf;
}

char *screen_rate(double n, char *buf)
{
	return screen_change(fabs(n) < 1e15 ? (int64_t)llround(n) : 0, buf);
}

bool screen_is_known(const struct rate *r)
{
	return r->seen > 0 && r->per_s > 0 && r->high - r->low <= 2 * r->per_s;
}

char *screen_left(const struct cohort *c, char *buf)
{
	char gone[WORDS_NUMBER], then[WORDS_NUMBER], age[WORDS_NUMBER];
	double s = c->age_s < 1e9 ? c->age_s : 1e9;

	if (c->age_s <= 0 || !c->then)
		snprintf(buf, SCREEN_CHANGE, "-");
	else
		snprintf(buf, SCREEN_CHANGE, "%s/%s in %s",
			 words_count(c->then > c->now ? c->then - c->now : 0, gone),
			 words_count(c->then, then), words_age((int64_t)(s * 1e9), age));
	return buf;
}

char *screen_place(const struct stack *stack, const char *module, unsigned int columns, char *buf)
{
	const struct frame *f = site_frame_mixed(stack, module);

	if (f)
		return words_place(f, columns, buf);
	snprintf(buf, WORDS_CELL, "?");
	return buf;
}

char *screen_group_place(const struct group *g, const char *module, unsigned int columns, char *buf)
{
	const struct frame *f = site_frame(&g->stack, module);

	if (!f && g->started.function)
		f = &g->started;
	if (f)
		return words_place(f, columns, buf);
	snprintf(buf, WORDS_CELL, "(%s)", g->no_stack ? g->no_stack : "no stack");
	return buf;
}

enum line_style screen_style(enum verdict v)
{
	if (v >= VERDICT_PROVEN)
		return STYLE_RED;
	return v >= VERDICT_SUSPECT ? STYLE_YELLOW : STYLE_NONE;
}

/* --- The frame around a page --- */

static void put_filter(const struct screen *s, struct pane *p)
{
	canvas_style(&p->c, STYLE_BOLD, false);
	canvas_printf(&p->c, "/%s", s->view.filter);
	/* The cursor's place. */
	canvas_style(&p->c, STYLE_NONE, true);
	canvas_put(&p->c, " ");
	canvas_style(&p->c, STYLE_NONE, false);
	canvas_piece(&p->c, "Enter: keep it  Esc: none");
}

static void put_foot(const struct screen *s, struct pane *p)
{
	const struct view *v = &s->view;
	const char *back = v->page == v->top ? "q quit" : "q back";

	if (v->typing) {
		put_filter(s, p);
		return;
	}
	if (v->frozen) {
		canvas_style(&p->c, STYLE_YELLOW, true);
		canvas_put(&p->c, "FROZEN");
		canvas_style(&p->c, STYLE_NONE, false);
	}
	if (v->filter[0] && v->page != VIEW_SITE)
		canvas_piece(&p->c, "filter: %s", v->filter);
	if (p->form->note) {
		canvas_style(&p->c, STYLE_YELLOW, false);
		canvas_piece(&p->c, "%s", p->form->note);
	}
	canvas_style(&p->c, STYLE_DIM, false);
	if (v->page == VIEW_SITE)
		canvas_piece(&p->c, "%s  ? keys  f %s", back, v->frozen ? "go on" : "freeze");
	else
		canvas_piece(&p->c, "%s  ? keys  Enter %s  s sort: %s  / filter  f %s", back,
			     v->page == VIEW_NODE ? "open" : "stack",
			     view_sort_name(v->page, v->sort[v->page]),
			     v->frozen ? "go on" : "freeze");
}

void screen_draw(struct screen *s, WINDOW *window, const struct screen_form *form)
{
	struct pane p = { .form = form };

	canvas_begin(&p.c, window, form->colour, form->utf8);
	p.bottom = p.c.rows;
	/* Of three lines none is for keys. */
	if (p.c.rows > 3 && canvas_line(&p.c, --p.bottom))
		put_foot(s, &p);
	if (s->view.help)
		screen_keys(s, &p);
	else if (s->view.page == VIEW_NODE)
		screen_node(s, &p);
	else if (s->view.page == VIEW_PROCESS)
		screen_sites(s, &p);
	else
		screen_site(s, &p);
}
