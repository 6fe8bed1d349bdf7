/* SPDX-License-Identifier: Apache-2.0 */
/* What the members of "events" are made of, for json_events.c and json_memory.c. */
#pragma once

#include "base/arena.h"
#include "model/interval.h"
#include "report/json_value.h"

/* Decimals of shares and of times that may be far below a millisecond. */
enum { SHARE_DECIMALS = 6, TIME_DECIMALS = 9 };

/* The interval, and an arena for the strings of its sites. */
struct events {
	const struct interval *i;
	const struct activity *a;
	struct arena *arena;
	const char *module;
};

/* Hits and cost are counted of what comes and goes alone, not of what is always on. */
bool event_is_counted(const struct collector_report *r);
/* "hits"; null when nobody counts them. */
void event_hits(struct jvalue *j, const struct collector_report *r);
/* An object with what each collector says of itself: "seen", "hits", "lost". */
struct jvalue event_object(const struct collector_report *r);

void event_share(struct jvalue *j, const char *key, bool known, double v);
/* Null when nothing was looked at. */
void event_rate(struct jvalue *j, const char *key, const struct rate *r);
void event_frame(struct jvalue *j, const char *key, const struct frame *f);
/* "stack", and as "site" the one line of it that its owner would point at. */
void event_stack(struct jvalue *j, const struct events *e, const struct stack *s);
/* The same with a site that is known better; NULL: none. */
void event_stack_at(struct jvalue *j, const struct events *e, const struct stack *s,
		    const struct frame *at);
/* `n` elements that `element` makes, or as many as are listed, and how many are left out. */
void event_list(struct jvalue *j, const struct events *e, const char *key, const char *key_left,
		uint32_t n, struct jvalue (*element)(const struct events *e, uint32_t at));

/* json_memory.c: the members "memory" and "c_heap". */
struct jvalue event_memory(const struct events *e);
struct jvalue event_c_heap(const struct events *e);
