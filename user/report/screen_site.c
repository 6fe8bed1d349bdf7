// SPDX-License-Identifier: Apache-2.0
/* One site: its whole stack, and all that is known of it. A text that scrolls. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "analysis/growth.h"
#include "analysis/site.h"
#include "report/screen_parts.h"

/* Written twice: once to count its lines, once to draw those in sight. */
struct sheet {
	struct pane *p;
	size_t line;		/* the next */
	size_t first, end;	/* those that are seen; end 0: none is drawn */
	const struct interval *i;
	const struct site *site;
	const struct group *g;
};

static void put(struct sheet *t, unsigned int indent, enum line_style style, const char *s)
{
	size_t at = t->line++;
	struct pane *p = t->p;

	if (at < t->first || at >= t->end)
		return;
	if (!canvas_line(&p->c, p->y + (unsigned int)(at - t->first)))
		return;
	canvas_style(&p->c, style, false);
	canvas_cell(&p->c, indent, p->c.width);
	canvas_put(&p->c, s);
}

static void say(struct sheet *t, const char *title, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static void say(struct sheet *t, const char *title, const char *fmt, ...)
{
	char buf[2048];
	int n = snprintf(buf, sizeof(buf), "%-12s", title);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf + n, sizeof(buf) - (size_t)n, fmt, ap);
	va_end(ap);
	put(t, 0, STYLE_NONE, buf);
}

static void frames(struct sheet *t, const struct stack *stack)
{
	char place[2048];

	for (uint32_t i = 0; i < stack->n; i++) {
		const struct frame *f = &stack->frames[i];
		int n;

		if (f->function)
			n = snprintf(place, 1500, "%s", f->function);
		else
			n = snprintf(place, 1500, "0x%" PRIx64, f->pc);
		if (n > 1499)
			n = 1499;
		if (f->file)
			snprintf(place + n, sizeof(place) - (size_t)n, "  %s:%" PRIu32,
				 t->p->c.width < 120 ? site_base_name(f->file) : f->file, f->line);
		put(t, 2, site_is_own(f->function, t->i->snapshot->process.module) ? STYLE_BOLD :
									  STYLE_NONE, place);
	}
	if (stack->truncated)
		put(t, 2, STYLE_DIM, "... and more, which were not read");
}

static void what_it_is(struct sheet *t)
{
	const struct site *site = t->site;
	const char *sentence = site->grows ? growth_sentence(t->i->snapshot->arena, site) : NULL;
	char number[WORDS_NUMBER], more[SCREEN_CHANGE], left[SCREEN_CHANGE], cell[WORDS_CELL];

	say(t, "goroutines", "%s, %s since the look before, %s a minute",
	    words_count(site->count, number), screen_change(site->delta, more),
	    site->window_s > 0 ? screen_rate(site->rate_per_min, cell) : "?");
	if (sentence)
		say(t, "grows", "%s", sentence);
	else if (site->cohort.age_s > 0)
		say(t, "left", "%s", screen_left(&site->cohort, left));
	if (site->verdict > VERDICT_OK)
		say(t, "verdict", "%s %s", verdict_name(site->verdict),
		    site->pattern ? site->pattern : "");
	say(t, "state", "%s%s%s%s%s", go_state_name(t->g->state), t->g->wait_reason ? ": " : "",
	    t->g->wait_reason ? t->g->wait_reason : "",
	    t->g->oldest_wait_ns >= 0 ? ", for at least " : "",
	    t->g->oldest_wait_ns >= 0 ? words_age(t->g->oldest_wait_ns, number) : "");
	if (*words_wait(&t->g->blocked_on, cell))
		say(t, "blocked on", "%s", cell);
	if (t->g->objects_seen > 1)
		say(t, "", "%s different ones among those looked at",
		    words_count(t->g->objects_seen, number));
	if (site->stack_bytes)
		say(t, "stacks", "%s", words_bytes(site->stack_bytes, number));
}

/*
 * Is one stack, of a park, the outer part of the other, of a goroutine, whose inner frames are the
 * runtime's own way into the park?
 */
static bool same_park(const struct stack *whole, const struct stack *park)
{
	for (uint32_t skip = 0; skip < whole->n; skip++) {
		uint32_t left = whole->n - skip, n = left < park->n ? left : park->n, i = 0;
		const struct frame *f = whole->frames + skip;

		while (i < n && f[i].pc == park->frames[i].pc)
			i++;
		if (n && i == n && (left == park->n || whole->truncated || park->truncated))
			return true;
		if (!site_is_runtime(f->function))
			return false;
	}
	return false;
}

static void say_park(struct sheet *t, const struct park_site *park)
{
	const struct rate *r = &park->parks;
	char words[WORDS_NUMBER], more[WORDS_NUMBER], p99[WORDS_NUMBER];

	if (screen_is_known(r))
		say(t, "parks", "%s, %s to %s", words_per_s(r->per_s, words),
		    words_per_s(r->low, more), words_per_s(r->high, p99));
	else
		say(t, "parks", "too few were seen to say how many");
	say(t, "", "in %.2g %% of the time", r->seen * 100);
	if (park->blocked_on)
		say(t, "", "the last on 0x%" PRIx64 "%s", park->blocked_on,
		    park->several ? ", others on other objects" : "");
	if (!park->wakes)
		return;
	say(t, "woken", "%s times, after %s on average, p99 %s", words_count(park->wakes, words),
	    words_span(park->mean_wait_s, more), words_span(park->p99_wait_s, p99));
	if (park->waker.n)
		put(t, 0, STYLE_NONE, "mostly by");
	else if (park->waker_known)
		put(t, 0, STYLE_NONE, "mostly by the scheduler: a timer, or the network");
	frames(t, &park->waker);
}

static void what_was_traced(struct sheet *t)
{
	const struct goroutine_activity *a = t->i->activity ? t->i->activity->goroutines : NULL;

	for (uint32_t i = 0; a && i < a->n_sites; i++) {
		const struct park_site *park = &a->sites[i];

		if (!same_park(&t->g->stack, &park->stack) || park->parks.seen <= 0)
			continue;
		say_park(t, park);
		return;
	}
}

static void advice(struct sheet *t)
{
	const struct activity *a = t->i->activity;

	for (uint32_t i = 0; a && i < a->n_findings; i++) {
		const struct finding *f = &a->findings[i];

		if (f->group != t->site->group)
			continue;
		put(t, 0, screen_style(f->verdict), f->summary ? f->summary : f->pattern);
		for (uint32_t k = 0; k < f->n_evidence; k++)
			put(t, 2, STYLE_NONE, f->evidence[k]);
		if (f->advice)
			put(t, 2, STYLE_NONE, f->advice);
	}
}

static void write_sheet(struct sheet *t)
{
	char place[WORDS_CELL];

	t->line = 0;
	what_it_is(t);
	for (uint32_t i = 0; i < t->g->n_labels; i++)
		say(t, i ? "" : "labels", "%s=%s", t->g->labels[i].key, t->g->labels[i].value);
	what_was_traced(t);
	advice(t);
	put(t, 0, STYLE_DIM, t->g->no_stack ? t->g->no_stack : "stack, innermost first");
	frames(t, &t->g->stack);
	if (t->g->started.function)
		say(t, "started as", "%s", words_place(&t->g->started, 200, place));
	if (t->g->created_by.function)
		say(t, "created by", "%s", words_place(&t->g->created_by, 200, place));
	if (!t->g->n_samples)
		return;
	say(t, "for example", "goroutine %" PRIu64 "%s", t->g->sample_ids[0],
	    t->g->n_samples > 1 ? " and others" : "");
}

static const struct site *find(const struct screen *s, const struct interval *i)
{
	for (uint32_t k = 0; i && i->snapshot && k < i->n_sites; k++)
		if (i->sites[k].id == s->view.cursor[VIEW_PROCESS].key)
			return &i->sites[k];
	return NULL;
}

void screen_site(struct screen *s, struct pane *p)
{
	struct sheet t = { .p = p };
	struct view *v = &s->view;

	if (!s->open)
		return;
	screen_process_head(s, p);
	t.i = s->open->seen;
	t.site = find(s, t.i);
	if (!t.site) {
		if (pane_line(p))
			canvas_put(&p->c, "no goroutine is there any more");
		view_settle(v, NULL, 0, 1);
		return;
	}
	t.g = &t.i->snapshot->groups[t.site->group];
	write_sheet(&t);
	view_settle(v, NULL, t.line, p->bottom > p->y ? p->bottom - p->y : 0);
	t.first = v->cursor[VIEW_SITE].first;
	t.end = t.first + (p->bottom > p->y ? p->bottom - p->y : 0);
	write_sheet(&t);
}
