// SPDX-License-Identifier: Apache-2.0
/*
 * One line a group on a wide terminal. Under TABLE_WIDE columns two: what is counted and where it
 * stands, then what it is blocked on and who created it; one line would cut all of them.
 */
#include "report/text_table.h"

#include <inttypes.h>
#include <string.h>

#include "analysis/site.h"
#include "base/cleanup.h"
#include "report/line.h"
#include "report/words.h"

enum {
	TABLE_WIDE = 130,
	WAIT_COLUMNS_MAX = 23,	/* "chan receive (nil chan)" */
	AGE_COLUMNS = 5,
	LABELS_SHOWN = 4,
};

struct table {
	const struct snapshot *s;
	FILE *out;
	struct line line;
	bool wide;
	unsigned int count, wait;	/* columns */
	unsigned int where, blocked;	/* columns; blocked when wide */
};

static const char *wait_words(const struct group *g)
{
	return g->wait_reason ? g->wait_reason : go_state_name(g->state);
}

/* The column that WHERE begins at. */
static unsigned int where_at(const struct table *t)
{
	return t->count + 2 + t->wait + 2 + AGE_COLUMNS + 2;
}

static void measure(struct table *t, uint32_t shown)
{
	char number[WORDS_NUMBER];
	unsigned int rest;

	t->count = 5;
	t->wait = 4;
	for (uint32_t i = 0; i < shown; i++) {
		size_t count = strlen(words_count(t->s->groups[i].count, number));
		size_t wait = text_columns(wait_words(&t->s->groups[i]));

		if (count > t->count)
			t->count = (unsigned int)count;
		if (wait > t->wait)
			t->wait = wait < WAIT_COLUMNS_MAX ? (unsigned int)wait : WAIT_COLUMNS_MAX;
	}
	rest = t->line.width > where_at(t) ? t->line.width - where_at(t) : 0;
	t->where = t->wide ? rest * 38 / 100 : rest;
	t->blocked = rest * 30 / 100;
}

static void print_head(struct table *t)
{
	struct line *l = &t->line;

	line_style(l, STYLE_DIM);
	line_put_right(l, "COUNT", t->count);
	line_put(l, "  WAIT");
	line_pad(l, t->count + 2 + t->wait + 2);
	line_put_right(l, "AGE>=", AGE_COLUMNS);
	line_put(l, "  WHERE");
	if (t->wide) {
		line_pad(l, where_at(t) + t->where + 2);
		line_put(l, "BLOCKED ON");
		line_pad(l, where_at(t) + t->where + 2 + t->blocked + 2);
		line_put(l, "CREATED BY");
	} else {
		line_put(l, " / BLOCKED ON / CREATED BY");
	}
	line_end(l, t->out);
}

static void put_where(struct table *t, const struct group *g)
{
	const struct frame *f = site_frame(&g->stack, t->s->process.module);
	char place[WORDS_CELL];

	if (f)
		line_put_cut(&t->line, words_place(f, t->where, place), t->where);
	else
		line_put_cut(&t->line, g->no_stack ? g->no_stack : "no stack", t->where);
}

/* What goes with a group beyond the columns: labels, and a verdict that is worth a look. */
static void put_extras(struct flow *f, const struct group *g)
{
	const char *pattern = g->pattern ? g->pattern : "";
	uint64_t leaked = group_leaked(g);
	char words[WORDS_NUMBER];

	if (leaked && leaked < g->count)
		flow_printf(f, "%s of them %s %s", words_count(leaked, words),
			    verdict_name(g->verdict), pattern);
	else if (g->verdict > VERDICT_OK)
		flow_printf(f, "%s %s", verdict_name(g->verdict), pattern);
	for (uint32_t i = 0; i < g->n_labels && i < LABELS_SHOWN; i++)
		flow_printf(f, "%.200s=%.200s", g->labels[i].key, g->labels[i].value);
	if (g->n_labels > LABELS_SHOWN)
		flow_printf(f, "%" PRIu32 " more labels", g->n_labels - LABELS_SHOWN);
}

static void print_second_line(struct table *t, const struct group *g)
{
	struct flow f = { .line = &t->line, .out = t->out, .indent = t->count + 2,
			  .separator = " \xc2\xb7 " };
	unsigned int room = t->line.width - f.indent;
	char cell[WORDS_CELL];

	line_pad(&t->line, f.indent);
	line_style(&t->line, STYLE_DIM);
	if (*words_wait(&g->blocked_on, cell))
		flow_put(&f, cell);
	if (g->created_by.function) {
		unsigned int used = f.started ? t->line.at - f.indent + 3 : 0;
		char place[WORDS_CELL];

		/* Beside the wait if a readable part of it fits there, else on its own line. */
		if (room < used + 35)
			used = 0;
		flow_printf(&f, "by %s", words_place(&g->created_by, room - used - 3, place));
	}
	put_extras(&f, g);
	flow_end(&f);
}

static void print_more_columns(struct table *t, const struct group *g)
{
	unsigned int at = where_at(t) + t->where + 2;
	struct flow f = { .line = &t->line, .out = t->out, .indent = t->count + 2,
			  .separator = " \xc2\xb7 " };
	char cell[WORDS_CELL];

	line_pad(&t->line, at);
	line_put_cut(&t->line, words_wait(&g->blocked_on, cell), t->blocked);
	at += t->blocked + 2;
	if (g->created_by.function && at < t->line.width) {
		line_pad(&t->line, at);
		line_put(&t->line, words_place(&g->created_by, t->line.width - at, cell));
	}
	line_end(&t->line, t->out);
	if (g->n_labels == 0 && g->verdict <= VERDICT_OK)
		return;
	line_pad(&t->line, f.indent);
	put_extras(&f, g);
	flow_end(&f);
}

static void print_group(struct table *t, const struct group *g)
{
	static const enum line_style styles[] = {
		[VERDICT_SUSPECT] = STYLE_YELLOW, [VERDICT_LIKELY] = STYLE_YELLOW,
		[VERDICT_PROVEN] = STYLE_RED,
	};
	struct line *l = &t->line;
	char number[WORDS_NUMBER];

	line_style(l, (unsigned int)g->verdict < ARRAY_SIZE(styles) && styles[g->verdict] ?
			      styles[g->verdict] : STYLE_BOLD);
	line_put_right(l, words_count(g->count, number), t->count);
	line_style(l, STYLE_NONE);
	line_put(l, "  ");
	line_put_cut(l, wait_words(g), t->wait);
	line_pad(l, t->count + 2 + t->wait + 2);
	line_put_right(l, words_age(g->oldest_wait_ns, number), AGE_COLUMNS);
	line_put(l, "  ");
	put_where(t, g);
	if (t->wide) {
		print_more_columns(t, g);
	} else {
		line_end(l, t->out);
		print_second_line(t, g);
	}
}

/* User groups come first (verdict_judge sorts them so). */
static uint32_t user_groups(const struct snapshot *s, uint64_t *goroutines)
{
	uint32_t n = 0;

	*goroutines = 0;
	for (; n < s->n_groups && !s->groups[n].system; n++)
		*goroutines += s->groups[n].count;
	return n;
}

void text_table(const struct snapshot *s, FILE *out, const struct report_options *o)
{
	struct table t = { .s = s, .out = out };
	uint64_t left;
	uint32_t n = user_groups(s, &left);
	uint32_t shown = o->top && o->top < n ? o->top : n;
	char groups[WORDS_NUMBER], goroutines[WORDS_NUMBER];

	if (n == 0)
		return;
	line_init(&t.line, o->width, o->colour);
	t.wide = t.line.width >= TABLE_WIDE;
	measure(&t, shown);
	fputc('\n', out);
	print_head(&t);
	for (uint32_t i = 0; i < shown; i++) {
		left -= s->groups[i].count;
		print_group(&t, &s->groups[i]);
	}
	if (shown < n) {
		line_printf(&t.line, "... and %s more groups (%s goroutines): --format json, or -o",
			    words_count(n - shown, groups), words_count(left, goroutines));
		line_end(&t.line, out);
	}
}
