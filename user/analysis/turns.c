// SPDX-License-Identifier: Apache-2.0
#include "analysis/turns.h"

#include <math.h>

/* Of the budget, what one process may have, where nothing rises in it and where something does. */
#define SHARE_CALM 0.25
#define SHARE_HOT 0.75
/* Turns in an interval: fewer would look at many at once, more would cost by themselves. */
#define STEPS 12

static double fraction(double v)
{
	return v - floor(v);
}

double turns_glance_s(const struct turns_rule *r)
{
	return r->interval_s / TURNS_OFTEN;
}

double turns_step_s(const struct turns_rule *r)
{
	return r->interval_s / STEPS;
}

double turns_interval_s(const struct turn *t, const struct turns_rule *r)
{
	double s = r->interval_s, least;

	if (t->heat)
		s /= TURNS_OFTEN;
	else if (t->calm >= TURNS_CALM)
		s *= t->may_rest ? TURNS_QUIET : TURNS_QUIET / 2;
	least = r->budget_ms > 0 ? t->cost_ms / (r->budget_ms * (t->heat ? SHARE_HOT : SHARE_CALM)) : 0;
	return s > least ? s : least;
}

/*
 * The next time after `from` + wait, or a little before, that is the process's own: those that came
 * at once (a machine that starts, a deployment) do not stay together.
 */
static double own_time(const struct turn *t, double from, double wait, double grid)
{
	double at = from + wait - grid / 2, shift = t->phase * grid;
	double steps = ceil((at - shift) / grid);

	return steps * grid + shift;
}

void turns_begin(struct turn *t, const struct turns_rule *r, uint64_t seed, double now_s)
{
	double glance = turns_glance_s(r);

	/* The golden ratio spreads whatever is numbered one after the other. */
	*t = (struct turn){ .began_s = now_s, .looked_s = now_s,
			    .phase = fraction((double)(seed & 0xffffff) * 0.6180339887498949) };
	t->glance_s = now_s + t->phase * glance;
	t->due_s = t->glance_s;
}

static void plan(struct turn *t, const struct turns_rule *r)
{
	/* One that rises is not made to wait for its own time. */
	t->due_s = t->heat ? t->looked_s + turns_interval_s(t, r)
			   : own_time(t, t->looked_s, turns_interval_s(t, r), r->interval_s);
}

void turns_heat(struct turn *t, const struct turns_rule *r, double now_s)
{
	t->heat = TURNS_HEAT;
	t->calm = 0;
	plan(t, r);
	if (t->due_s < now_s)
		t->due_s = now_s;
}

void turns_glanced(struct turn *t, const struct turns_rule *r, double now_s, enum turns_news news)
{
	double due;

	t->glance_s = own_time(t, now_s, turns_glance_s(r), turns_glance_s(r));
	if (news == TURNS_RISES && !t->heat) {
		turns_heat(t, r, now_s);
		return;
	}
	if (news == TURNS_NOTHING || t->calm < TURNS_CALM)
		return;
	/* It is not quiet any more: as often as all others, from its last look on. */
	t->calm = 0;
	due = own_time(t, t->looked_s, turns_interval_s(t, r), turns_glance_s(r));
	if (due < now_s)
		due = now_s;
	if (due < t->due_s)
		t->due_s = due;
}

void turns_looked(struct turn *t, const struct turns_rule *r, double now_s, enum turns_news news,
		  bool may_rest, double cost_ms)
{
	t->looked_s = now_s;
	t->missed = 0;
	t->cost_ms = cost_ms;
	t->may_rest = may_rest;
	if (news == TURNS_RISES)
		t->heat = TURNS_HEAT;
	else if (t->heat)
		t->heat--;
	if (news == TURNS_NOTHING && !t->heat)
		t->calm++;
	else
		t->calm = 0;
	plan(t, r);
}

double turns_late(const struct turn *t, const struct turns_rule *r, double now_s)
{
	return (now_s - t->due_s) / turns_interval_s(t, r);
}

uint32_t turns_missed(struct turn *t, const struct turns_rule *r, double now_s)
{
	double intervals = (now_s - t->looked_s) / turns_interval_s(t, r) - 1;
	uint32_t all = intervals > 1 ? (uint32_t)fmin(intervals, 1e6) : 0, told;

	if (all <= t->missed)
		return 0;
	told = all - t->missed;
	t->missed = all;
	return told;
}
