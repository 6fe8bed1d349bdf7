// SPDX-License-Identifier: Apache-2.0
/*
 * One line a goroutine for where it stands, and one for what it is blocked on, who started it,
 * its thread and labels, when there is any of these.
 */
#include "report/text_list.h"

#include <inttypes.h>
#include <string.h>

#include "analysis/site.h"
#include "report/line.h"
#include "report/words.h"

enum { ID_COLUMNS = 9, WAIT_COLUMNS = 23, AGE_COLUMNS = 5, GAP = 2, LABELS_SHOWN = 4 };

static void print_head(struct line *l, FILE *out)
{
	fputc('\n', out);
	line_style(l, STYLE_DIM);
	line_put_right(l, "GOROUTINE", ID_COLUMNS);
	line_put(l, "  WAIT");
	line_pad(l, ID_COLUMNS + GAP + WAIT_COLUMNS + GAP);
	line_put_right(l, "AGE>=", AGE_COLUMNS);
	line_put(l, "  WHERE / BLOCKED ON / FROM");
	line_end(l, out);
}

static void put_where(struct line *l, const struct snapshot *s, const struct group *g)
{
	const struct frame *f = g ? site_frame(&g->stack, s->process.module) : NULL;
	char place[WORDS_CELL];

	if (f)
		line_put(l, words_place(f, l->width - l->at, place));
	else
		line_put(l, g && g->no_stack ? g->no_stack : "no stack");
}

static void print_more(struct line *l, FILE *out, const struct goroutine *g)
{
	struct flow f = { .line = l, .out = out, .indent = ID_COLUMNS + GAP,
			  .separator = " \xc2\xb7 " };
	char cell[WORDS_CELL];

	line_pad(l, f.indent);
	line_style(l, STYLE_DIM);
	if (*words_wait(&g->blocked_on, cell))
		flow_put(&f, cell);
	if (g->parent_id)
		flow_printf(&f, "from goroutine %" PRIu64, g->parent_id);
	if (g->tid > 0)
		flow_printf(&f, "on thread %" PRId32, g->tid);
	if (g->locked_to_thread)
		flow_put(&f, "locked to its thread");
	if (g->system)
		flow_put(&f, "the runtime's own");
	for (uint32_t i = 0; i < g->n_labels && i < LABELS_SHOWN; i++)
		flow_printf(&f, "%.200s=%.200s", g->labels[i].key, g->labels[i].value);
	if (g->n_labels > LABELS_SHOWN)
		flow_printf(&f, "%" PRIu32 " more labels", g->n_labels - LABELS_SHOWN);
	flow_end(&f);
}

void text_list(const struct snapshot *s, FILE *out, const struct report_options *o)
{
	char number[WORDS_NUMBER];
	struct line l;

	if (!s->n_goroutines)
		return;
	line_init(&l, o->width, o->colour);
	print_head(&l, out);
	for (uint64_t i = 0; i < s->n_goroutines && !ferror(out); i++) {
		const struct goroutine *g = &s->goroutines[i];

		snprintf(number, sizeof(number), "%" PRIu64, g->id);
		line_put_right(&l, number, ID_COLUMNS);
		line_pad(&l, l.at + GAP);
		line_put_cut(&l, g->wait_reason ? g->wait_reason : go_state_name(g->state),
			     WAIT_COLUMNS);
		line_pad(&l, ID_COLUMNS + GAP + WAIT_COLUMNS + GAP);
		line_put_right(&l, words_age(g->wait_ns, number), AGE_COLUMNS);
		line_pad(&l, l.at + GAP);
		put_where(&l, s, g->group < s->n_groups ? &s->groups[g->group] : NULL);
		line_end(&l, out);
		print_more(&l, out, g);
	}
}
