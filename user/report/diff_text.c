// SPDX-License-Identifier: Apache-2.0
/*
 * A comparison for people: whose it is and the three numbers that everybody asks for, what was
 * found, then a table for each kind of thing, what grew most first.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "report/diff.h"
#include "report/line.h"
#include "report/text_finding.h"
#include "report/words.h"

#define DOT " \xc2\xb7 "
#define ARROW " \xe2\x86\x92 "

enum {
	CELL = 9,		/* columns of a number */
	CELL_BYTES = WORDS_NUMBER + 8,
	NAME_AT = 4 * (CELL + 2),
};

struct printer {
	const struct diff *d;
	FILE *out;
	struct line l;
	unsigned int top;	/* rows of a table; 0: all */
};

/* What a number counts. */
enum unit { COUNT, BYTES };

static enum unit unit_of(const char *name)
{
	size_t n = strlen(name);

	return n > 6 && strcmp(name + n - 6, "_bytes") == 0 ? BYTES : COUNT;
}

/* --- Cells --- */

static char *put_number(int64_t v, enum unit u, char buf[CELL_BYTES])
{
	if (v < 0)
		snprintf(buf, CELL_BYTES, "-");
	else if (u == BYTES)
		words_bytes((uint64_t)v, buf);
	else
		words_count((uint64_t)v, buf);
	return buf;
}

static char *put_signed(double v, enum unit u, char buf[CELL_BYTES])
{
	char number[WORDS_NUMBER];
	double size = fabs(v);

	if (size == 0) {
		snprintf(buf, CELL_BYTES, "0");
		return buf;
	}
	if (u == COUNT && size < 9.95 && size != floor(size))
		snprintf(number, sizeof(number), "%.1f", size);
	else if (u == BYTES)
		words_bytes((uint64_t)(size + 0.5), number);
	else
		words_count((uint64_t)(size + 0.5), number);
	snprintf(buf, CELL_BYTES, "%s%s", v < 0 ? "-" : "+", number);
	return buf;
}

static char *put_change(int64_t before, int64_t after, enum unit u, char buf[CELL_BYTES])
{
	if (before >= 0 && after >= 0)
		return put_signed((double)(after - before), u, buf);
	snprintf(buf, CELL_BYTES, "%s", before >= 0 ? "gone" : after >= 0 ? "new" : "-");
	return buf;
}

static char *put_rate(const struct diff *d, int64_t before, int64_t after, enum unit u,
		      char buf[CELL_BYTES])
{
	double per_min;

	if (diff_per_min(d, before, after, &per_min))
		return put_signed(per_min, u, buf);
	snprintf(buf, CELL_BYTES, "-");
	return buf;
}

/* --- Head --- */

static void print_whose(struct printer *p)
{
	const struct diff *d = p->d;
	const struct saved *x = d->before, *y = d->after;
	struct flow f = { .line = &p->l, .out = p->out, .indent = 2, .separator = "  " };
	char words[WORDS_NUMBER];

	line_style(&p->l, STYLE_BOLD);
	flow_put(&f, y->name ? y->name : y->exe ? y->exe : "?");
	line_style(&p->l, STYLE_NONE);
	if (y->pid > 0 && x->pid > 0 && y->pid != x->pid)
		flow_printf(&f, "pid %" PRId64 ", then %" PRId64, x->pid, y->pid);
	else if (y->pid > 0)
		flow_printf(&f, "pid %" PRId64, y->pid);
	if (x->go_version && y->go_version && strcmp(x->go_version, y->go_version) != 0)
		flow_printf(&f, "%.60s, then %.60s", x->go_version, y->go_version);
	else if (y->go_version)
		flow_printf(&f, "%.60s", y->go_version);
	if (d->seconds > 0)
		flow_printf(&f, "%s between", words_uptime(d->seconds, words));
	flow_end(&f);
	if (x->time && y->time) {
		line_printf(&p->l, "  %.64s%s%.64s", x->time, ARROW, y->time);
		line_end(&p->l, p->out);
	}
}

static void put_total(struct printer *p, struct flow *f, const struct diff_number *n, enum unit u)
{
	char before[CELL_BYTES], after[CELL_BYTES], change[CELL_BYTES], rate[CELL_BYTES];
	const char *name = strcmp(n->name, "rss") == 0 ? "RSS" : n->name;
	double per_min;

	if (n->after < 0 && n->before < 0)
		return;
	put_number(n->before, u, before);
	put_number(n->after, u, after);
	if (n->before == n->after) {
		flow_printf(f, "%s %s as before", name, after);
		return;
	}
	put_change(n->before, n->after, u, change);
	if (diff_per_min(p->d, n->before, n->after, &per_min))
		flow_printf(f, "%s %s%s%s (%s, %s a minute)", name, before, ARROW, after, change,
			    put_signed(per_min, u, rate));
	else
		flow_printf(f, "%s %s%s%s (%s)", name, before, ARROW, after, change);
}

static void print_totals(struct printer *p)
{
	struct flow f = { .line = &p->l, .out = p->out, .indent = 2, .separator = DOT };
	char a[WORDS_NUMBER], b[WORDS_NUMBER], c[WORDS_NUMBER];

	put_total(p, &f, &p->d->goroutines, COUNT);
	put_total(p, &f, &p->d->rss, BYTES);
	put_total(p, &f, &p->d->threads, COUNT);
	flow_end(&f);
	if (p->d->stayed < 0)
		return;
	line_printf(&p->l, "  of the goroutines %s stayed, %s ended and %s came",
		    words_count((uint64_t)p->d->stayed, a), words_count((uint64_t)p->d->left, b),
		    words_count((uint64_t)p->d->arrived, c));
	line_end(&p->l, p->out);
}

/* --- Tables --- */

static void print_head(struct printer *p, const char *name)
{
	fputc('\n', p->out);
	line_style(&p->l, STYLE_DIM);
	line_put_right(&p->l, "BEFORE", CELL);
	line_put(&p->l, "  ");
	line_put_right(&p->l, "AFTER", CELL);
	line_put(&p->l, "  ");
	line_put_right(&p->l, "CHANGE", CELL);
	line_put(&p->l, "  ");
	line_put_right(&p->l, "A MINUTE", CELL);
	line_put(&p->l, "  ");
	line_put(&p->l, name);
	line_end(&p->l, p->out);
}

static void print_row(struct printer *p, int64_t before, int64_t after, enum unit u,
		      enum line_style style, const char *name)
{
	char cell[CELL_BYTES];
	struct line *l = &p->l;

	line_put_right(l, put_number(before, u, cell), CELL);
	line_put(l, "  ");
	line_put_right(l, put_number(after, u, cell), CELL);
	line_put(l, "  ");
	line_style(l, style);
	line_put_right(l, put_change(before, after, u, cell), CELL);
	line_style(l, STYLE_NONE);
	line_put(l, "  ");
	line_put_right(l, put_rate(p->d, before, after, u, cell), CELL);
	line_put(l, "  ");
	line_put(l, name ? name : "(unknown)");
	line_end(l, p->out);
}

static void print_left_out(struct printer *p, uint32_t n, const char *what)
{
	char count[WORDS_NUMBER];

	if (!n)
		return;
	line_printf(&p->l, "... and %s more %s: --json, or -o", words_count(n, count), what);
	line_end(&p->l, p->out);
}

static enum line_style style_of(const struct diff_group *g)
{
	enum verdict v = g->after ? g->after->verdict : VERDICT_UNKNOWN;

	return v == VERDICT_PROVEN ? STYLE_RED : v >= VERDICT_SUSPECT ? STYLE_YELLOW : STYLE_BOLD;
}

static void put_stayed(struct flow *f, const struct diff_group *g)
{
	char a[WORDS_NUMBER], b[WORDS_NUMBER], c[WORDS_NUMBER];

	if (g->stayed >= 0)
		flow_printf(f, "%s stayed, %s left, %s came", words_count((uint64_t)g->stayed, a),
			    words_count((uint64_t)g->left, b),
			    words_count((uint64_t)g->arrived, c));
	else if (g->stayed_at_least > 0)
		flow_printf(f, "at least %s stayed", words_count((uint64_t)g->stayed_at_least, a));
}

static void print_group(struct printer *p, const struct diff_group *g)
{
	const struct saved_group *of = g->after ? g->after : g->before;
	struct flow f = { .line = &p->l, .out = p->out, .indent = NAME_AT, .separator = DOT };
	const char *wait = of->wait_reason ? of->wait_reason : of->state;
	char count[WORDS_NUMBER];

	print_row(p, diff_group_before(g), diff_group_after(g), COUNT, style_of(g), of->place);
	line_pad(&p->l, NAME_AT);
	line_style(&p->l, STYLE_DIM);
	if (wait)
		flow_printf(&f, "%.200s", wait);
	if (g->sets > 1)
		flow_printf(&f, "%s sets of labels", words_count(g->sets, count));
	put_stayed(&f, g);
	if (of->verdict > VERDICT_OK)
		flow_printf(&f, "%s %.100s", verdict_name(of->verdict),
			    of->pattern ? of->pattern : "");
	if (of->created_by)
		flow_printf(&f, "by %.400s", of->created_by);
	flow_end(&f);
}

static void print_groups(struct printer *p)
{
	const struct diff *d = p->d;
	uint32_t changed = 0, same = 0, shown;
	char count[WORDS_NUMBER];

	for (uint32_t i = 0; i < d->n_sites; i++) {
		const struct diff_group *g = &d->sites[i];

		if ((g->after ? g->after : g->before)->system)
			continue;
		if (diff_group_before(g) != diff_group_after(g))
			changed++;
		else
			same++;
	}
	if (!changed && !same)
		return;
	if (changed)
		print_head(p, "GOROUTINES");
	else
		fputc('\n', p->out);
	/* Those that changed come first. */
	shown = p->top && p->top < changed ? p->top : changed;
	for (uint32_t i = 0; i < shown; i++)
		print_group(p, &d->sites[i]);
	print_left_out(p, changed - shown, "places that changed");
	if (same) {
		line_printf(&p->l, "%s place%s of goroutines did not change in number",
			    words_count(same, count), same == 1 ? "" : "s");
		line_end(&p->l, p->out);
	}
}

/* all: also those that did not change, unless they are 0. */
static void print_numbers(struct printer *p, const char *title, const struct diff_numbers *n,
			  bool all, bool bytes)
{
	uint32_t shown = 0, left = 0;

	for (uint32_t i = 0; i < n->n; i++) {
		const struct diff_number *r = &n->all[i];
		enum unit u = bytes ? BYTES : unit_of(r->name);

		if (r->before == r->after && (!all || r->after <= 0))
			continue;
		if (!all && p->top && shown >= p->top) {
			left++;
			continue;
		}
		if (!shown++)
			print_head(p, title);
		print_row(p, r->before, r->after, u, STYLE_NONE, r->name);
	}
	print_left_out(p, left, "numbers that changed");
}

static void print_sites(struct printer *p, const char *title, const struct diff_sites *s,
			enum unit u)
{
	uint32_t shown = 0, left = 0;

	for (uint32_t i = 0; i < s->n; i++) {
		const struct saved_site *x = s->all[i].before, *y = s->all[i].after;
		int64_t before = x ? (int64_t)x->value : 0, after = y ? (int64_t)y->value : 0;
		char name[WORDS_CELL];

		if (before == after)
			continue;
		if (p->top && shown >= p->top) {
			left++;
			continue;
		}
		if (!shown++)
			print_head(p, title);
		y = y ? y : x;
		snprintf(name, sizeof(name), "%.64s%s%.400s", y->kind ? y->kind : "",
			 y->kind ? " " : "", y->site ? y->site : "(unknown)");
		print_row(p, before, after, u, STYLE_NONE, name);
	}
	print_left_out(p, left, "places that changed");
}

int report_diff_text(const struct diff *d, FILE *out, const struct report_options *o)
{
	struct printer p = { .d = d, .out = out, .top = o->top };

	line_init(&p.l, o->width, o->colour);
	print_whose(&p);
	print_totals(&p);
	if (d->n_findings)
		fputc('\n', out);
	for (uint32_t i = 0; i < d->n_findings; i++)
		text_finding(&d->findings[i], &p.l, out);
	print_groups(&p);
	print_numbers(&p, "RSS BY PART", &d->parts, true, true);
	print_numbers(&p, "HEAP HELD BY", &d->retained_by, false, true);
	print_numbers(&p, "HEAP HELD BY GOROUTINES AT", &d->retained_at, false, true);
	print_numbers(&p, "HEAP BY TYPE", &d->heap_by_type, false, true);
	print_sites(&p, "HEAP ALLOCATED AT", &d->heap_sites, BYTES);
	print_numbers(&p, "GO'S OWN NUMBERS", &d->go, false, false);
	print_numbers(&p, "C HEAP", &d->c, false, false);
	print_numbers(&p, "THREADS", &d->threads_by_kind, false, false);
	print_sites(&p, "THREADS IN", &d->thread_sites, COUNT);
	if (d->n_notes)
		fputc('\n', out);
	for (uint32_t i = 0; i < d->n_notes; i++)
		text_sentence(&p.l, out, 0, "note: ", d->notes[i]);
	return ferror(out) ? -EIO : 0;
}
