// SPDX-License-Identifier: Apache-2.0
#include "report/page_spark.h"

#include <inttypes.h>
#include <math.h>

#include "base/cleanup.h"
#include "report/html.h"
#include "report/words.h"

enum {
	POINTS_MAX = 88, POINTS_SMALL = 24,
	/* Drawn ten times as large as shown, so that whole numbers do. */
	WIDTH = 1760, WIDTH_SMALL = 640,
	HEIGHT = 360, HEIGHT_SMALL = 160,
	EDGE = 15,	/* half a line's width, and the dot's */
};
/* The least of a figure that the whole height is: what is below would look like a storm. */
#define LEAST_SPAN 0.2

struct spark {
	unsigned int n;
	int width, height;
	struct spot {
		int x, y;
		bool known;
	} at[POINTS_MAX];
	uint64_t first, last, low, high;
	double span_s;
};

static uint64_t figure_of(const struct node_point *p, enum page_figure what)
{
	return what == FIGURE_RSS ? p->rss_bytes : p->goroutines;
}

bool page_spark_has(const struct node_history *h, enum page_figure what)
{
	unsigned int known = 0;

	for (uint32_t i = 0; h && i < h->n && known < 2; i++)
		known += figure_of(&h->points[i], what) != 0;
	return known == 2;
}

static void measure(const struct node_history *h, enum page_figure what, struct spark *s)
{
	for (uint32_t i = 0; i < h->n; i++) {
		uint64_t v = figure_of(&h->points[i], what);

		if (!v)
			continue;
		if (!s->first) {
			s->first = s->low = s->high = v;
			s->span_s = h->points[i].elapsed_s;
		}
		s->last = v;
		if (v < s->low)
			s->low = v;
		if (v > s->high)
			s->high = v;
	}
	s->span_s = h->points[h->n - 1].elapsed_s - s->span_s;
}

static int place_y(const struct spark *s, uint64_t v)
{
	double span = (double)(s->high - s->low), least = (double)s->high * LEAST_SPAN;
	double low = (double)s->low;

	if (span < least) {
		low -= (least - span) / 2;
		span = least;
	}
	return s->height - EDGE - (int)lround(((double)v - low) / span * (s->height - 2 * EDGE));
}

static int place_x(const struct spark *s, const struct node_history *h, const struct node_point *p)
{
	double from = h->points[0].elapsed_s, span = h->points[h->n - 1].elapsed_s - from;
	double share = span > 0 ? (p->elapsed_s - from) / span : 1;

	return EDGE + (int)lround(fmin(fmax(share, 0), 1) * (s->width - 2 * EDGE));
}

/* Each spot is the last of as many points: growth shows, and the newest one is right. */
static void thin(const struct node_history *h, enum page_figure what, unsigned int most,
		 struct spark *s)
{
	s->n = h->n < most ? h->n : most;
	for (unsigned int i = 0; i < s->n; i++) {
		const struct node_point *p = &h->points[(uint64_t)(i + 1) * h->n / s->n - 1];
		uint64_t v = figure_of(p, what);

		s->at[i] = (struct spot){ .x = place_x(s, h, p), .y = v ? place_y(s, v) : 0,
					  .known = v != 0 };
	}
}

static void put_line(const struct spark *s, FILE *out)
{
	bool open = false;

	fputs("<path vector-effect=\"non-scaling-stroke\" d=\"", out);
	for (unsigned int i = 0; i < s->n; i++) {
		if (s->at[i].known)
			fprintf(out, "%c%d %d", open ? 'L' : 'M', s->at[i].x, s->at[i].y);
		open = s->at[i].known;
	}
	fputs("\"/>", out);
}

/* What is below the line, a shape for each run of spots that are known. */
static void put_area(const struct spark *s, FILE *out)
{
	fputs("<path class=\"area\" d=\"", out);
	for (unsigned int i = 0; i < s->n; i++) {
		bool begins = s->at[i].known && (i == 0 || !s->at[i - 1].known);
		bool ends = s->at[i].known && (i + 1 == s->n || !s->at[i + 1].known);

		if (begins)
			fprintf(out, "M%d %d", s->at[i].x, s->height);
		if (s->at[i].known)
			fprintf(out, "L%d %d", s->at[i].x, s->at[i].y);
		if (ends)
			fprintf(out, "V%dZ", s->height);
	}
	fputs("\"/>", out);
}

/* "Goroutines in 3h12m: from 1,020 to 18,231, between 1,020 and 18,300" */
static void put_label(const struct spark *s, enum page_figure what, FILE *out)
{
	char *(*words)(uint64_t n, char *buf) = what == FIGURE_RSS ? words_bytes : count_words;
	char span[WORDS_NUMBER], first[WORDS_NUMBER], last[WORDS_NUMBER], low[WORDS_NUMBER],
		high[WORDS_NUMBER];

	html_printf(out, "%s in %s: from %s to %s, between %s and %s",
		    what == FIGURE_RSS ? "RSS" : "Goroutines", words_uptime(s->span_s, span),
		    words(s->first, first), words(s->last, last), words(s->low, low),
		    words(s->high, high));
}

void page_spark(const struct node_history *h, enum page_figure what, bool small, FILE *out)
{
	struct spark s = { .width = small ? WIDTH_SMALL : WIDTH,
			   .height = small ? HEIGHT_SMALL : HEIGHT };

	if (!page_spark_has(h, what))
		return;
	measure(h, what, &s);
	thin(h, what, small ? POINTS_SMALL : POINTS_MAX, &s);
	fprintf(out, "<svg class=\"spark %s\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" "
		     "role=\"img\" aria-label=\"", what == FIGURE_RSS ? "rss" : "goroutines",
		s.width / 10, s.height / 10, s.width, s.height);
	put_label(&s, what, out);
	fputs("\">", out);
	put_area(&s, out);
	put_line(&s, out);
	if (s.at[s.n - 1].known)
		fprintf(out, "<circle cx=\"%d\" cy=\"%d\" r=\"%d\"/>", s.at[s.n - 1].x,
			s.at[s.n - 1].y, small ? 20 : 26);
	fputs("</svg>", out);
}
