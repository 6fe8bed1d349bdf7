// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "analysis/site.h"
#include "report/text_activity_parts.h"
#include "report/words.h"

#define DOT " \xc2\xb7 "

enum {
	RATE = 9,		/* columns of a rate, */
	ERROR = 9,		/* and of its error */
	SPAN = 7,		/* of a duration */
	WAIT_MAX = 20,		/* of a wait reason */
};

/* Less than these is no line. */
#define PARKS_MIN 1.0		/* a second */
#define BIRTHS_MIN 0.2		/* a second */

/*
 * "1,200/s", and " +-80" or nothing. Where the error is larger than the rate, so few were seen that
 * the upper bound is all there is to say: "<=2,100/s". Each buffer has WORDS_NUMBER bytes.
 */
static void rate_words(const struct rate *r, char *per_s, char *error)
{
	double half = (r->high - r->low) / 2;
	char words[WORDS_NUMBER];

	*error = '\0';
	if (half >= r->per_s) {
		snprintf(per_s, WORDS_NUMBER, "\xe2\x89\xa4%.28s", words_per_s(r->high, words));
		return;
	}
	words_per_s(r->per_s, per_s);
	/* What was counted all the time has no error. */
	if (half <= r->per_s * 0.005)
		return;
	words_per_s(half, words);
	words[strlen(words) - strlen("/s")] = '\0';
	snprintf(error, WORDS_NUMBER, " \xc2\xb1%.26s", words);
}

/* The first right-aligned in a column, for one rate stands under another. */
static void put_rate(const struct activity_out *o, const struct rate *r)
{
	char per_s[WORDS_NUMBER], error[WORDS_NUMBER];

	rate_words(r, per_s, error);
	line_put_right(o->l, per_s, RATE);
	line_put(o->l, error);
	line_pad(o->l, ACTIVITY_BODY + RATE + ERROR);
}

/* "14/s +-5 end" in a row of pieces. */
static void flow_rate(struct flow *f, const struct rate *r, const char *what)
{
	char per_s[WORDS_NUMBER], error[WORDS_NUMBER];

	rate_words(r, per_s, error);
	flow_printf(f, "%s%s %s", per_s, error, what);
}

/* With an error beyond it, it is no more than a guess, and so are its parts. */
static bool is_known(const struct rate *r)
{
	return r->seen > 0 && r->high - r->low < 2 * r->per_s;
}

/* The runtime's own goroutines park as well, and nobody can do anything about it. */
static bool is_parking_shown(const struct activity_out *o, const struct park_site *s)
{
	const struct frame *f = site_frame(&s->stack, o->module);

	return is_known(&s->parks) && s->parks.per_s >= PARKS_MIN &&
	       s->parks.per_s >= o->a->goroutines->parks.per_s * ACTIVITY_SITE_MIN && f &&
	       !site_is_runtime(f->function);
}

static void print_park_site(const struct activity_out *o, const struct park_site *s)
{
	char words[WORDS_NUMBER];

	line_pad(o->l, ACTIVITY_BODY);
	put_rate(o, &s->parks);
	line_put_right(o->l, s->wakes ? words_span(s->mean_wait_s, words) : "", SPAN);
	line_put(o->l, "  ");
	if (s->wait_reason)
		line_put_cut(o->l, s->wait_reason, WAIT_MAX);
	line_put(o->l, "  ");
	activity_site(o, &s->stack);
	line_end(o->l, o->out);
}

static void print_parks(const struct activity_out *o, const struct goroutine_activity *g)
{
	const struct collector_report *r = &o->a->collectors[COLLECTOR_GOROUTINES];
	char words[WORDS_NUMBER];
	uint32_t shown = 0;
	struct flow f;

	if (!is_known(&g->parks) || g->parks.per_s < PARKS_MIN)
		return;
	f = activity_head(o, "PARKS", ACTIVITY_BODY);
	put_rate(o, &g->parks);
	/* The rate is the first piece. */
	f.started = true;
	f.separator = "";
	activity_seen(&f, g->parks.seen);
	f.separator = DOT;
	if (r->lost)
		flow_printf(&f, "%s lost: at least that", words_count(r->lost, words));
	flow_end(&f);
	for (uint32_t k = 0; k < g->n_sites && shown < ACTIVITY_SHOWN; k++) {
		if (!is_parking_shown(o, &g->sites[k]))
			continue;
		print_park_site(o, &g->sites[k]);
		shown++;
	}
}

static void print_go_site(const struct activity_out *o, const struct go_site *s)
{
	struct flow f = { .line = o->l, .out = o->out, .indent = ACTIVITY_INSIDE, .separator = "  " };

	line_pad(o->l, ACTIVITY_BODY);
	put_rate(o, &s->births);
	if (s->deaths.seen > 0)
		flow_rate(&f, &s->deaths, "end");
	line_put(o->l, "  ");
	activity_place(o, s->at.function || !s->started.function ? &s->at : &s->started);
	line_end(o->l, o->out);
}

static void print_births(const struct activity_out *o, const struct goroutine_activity *g)
{
	uint32_t shown = 0;
	struct flow f;

	if (!is_known(&g->births) || g->births.per_s < BIRTHS_MIN)
		return;
	f = activity_head(o, "GO", ACTIVITY_BODY);
	put_rate(o, &g->births);
	flow_put(&f, "start");
	if (g->deaths.seen > 0)
		flow_rate(&f, &g->deaths, "end");
	flow_end(&f);
	for (uint32_t k = 0; k < g->n_gos && shown < ACTIVITY_SHOWN; k++) {
		const struct go_site *s = &g->gos[k];

		if (!is_known(&s->births) || s->births.per_s < g->births.per_s * ACTIVITY_SITE_MIN)
			continue;
		print_go_site(o, s);
		shown++;
	}
}

void text_goroutines(const struct activity_out *o, const struct goroutine_activity *g)
{
	print_parks(o, g);
	print_births(o, g);
}
