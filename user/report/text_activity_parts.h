/* SPDX-License-Identifier: Apache-2.0 */
/* What the lines on the collectors are made of; each collector's are a file of their own. */
#pragma once

#include "model/interval.h"
#include "report/line.h"

enum {
	ACTIVITY_SHOWN = 3,	/* of one list */
	ACTIVITY_TAG = 2,	/* column of "PARKS", */
	ACTIVITY_BODY = 10,	/* of what follows, */
	ACTIVITY_INSIDE = 12,	/* of the sites below it */
};

/* What has less of all that its list has is no line. */
#define ACTIVITY_SITE_MIN 0.05

/* An interval that has an activity, and where it goes. */
struct activity_out {
	const struct interval *i;
	const struct activity *a;
	struct line *l;
	FILE *out;
	const char *module;
};

/* "PARKS", and what follows in pieces. */
struct flow activity_head(const struct activity_out *o, const char *tag, unsigned int indent);
/* In what is left of the line; NULL is "?". */
void activity_place(const struct activity_out *o, const struct frame *f);
/* The line of a stack that its owner would point at. */
void activity_site(const struct activity_out *o, const struct stack *s);
/* "seen 0.8 % of the time"; nothing for what was on all the time, or never. */
void activity_seen(struct flow *f, double seen);
/* "... and 5 more locks" where not all are shown. */
void activity_more(const struct activity_out *o, uint32_t shown, uint32_t of, const char *what);

/* The lines of goroutines and of memory, where there is something to say. */
void text_goroutines(const struct activity_out *o, const struct goroutine_activity *g);
void text_memory(const struct activity_out *o, const struct memory_activity *m);
