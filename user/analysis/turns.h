/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When each of many processes is looked at: all within their intervals, and spread, so that no two
 * of them come at once by rule. A quiet one comes more seldom, one in which something rises more
 * often, one that is dear to look at only as often as its share of the budget allows. In between
 * there are glances, which cost next to nothing, and may call for a look at once.
 * Pure: no clock, no I/O. Times are seconds of one clock that only rises.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
	TURNS_QUIET = 4,	/* a quiet process has so many intervals between two looks */
	TURNS_OFTEN = 4,	/* and one that rises so many looks in an interval */
	TURNS_HEAT = 3,		/* looks at which nothing need rise before it is as all others */
	TURNS_CALM = 2,		/* looks without any news before one is taken for quiet */
};

struct turns_rule {
	double interval_s;	/* between two looks at a process, by default */
	double budget_ms;	/* CPU time that one second may cost, for all of them */
};

/* What a look, or a glance, has seen. */
enum turns_news {
	TURNS_NOTHING,		/* it has hardly run, and is as it was */
	TURNS_MOVES,
	TURNS_RISES,		/* more of something than ever in the last time */
};

struct turn {
	double began_s;
	double looked_s;	/* at the last look, or when it began */
	double due_s;		/* the next look */
	double glance_s;	/* the next glance */
	double phase;		/* 0 to 1, its own */
	double cost_ms;		/* of a look; 0 unknown */
	uint32_t calm, heat;
	uint32_t missed;	/* since the last look: see turns_missed() */
	bool may_rest;		/* nothing can rise in it unseen by a glance */
};

/* seed: any number that differs from process to process. */
void turns_begin(struct turn *t, const struct turns_rule *r, uint64_t seed, double now_s);

/* Between two looks, as things are. */
double turns_interval_s(const struct turn *t, const struct turns_rule *r);

/* The time between two glances at a process, and between two turns of whoever looks. */
double turns_glance_s(const struct turns_rule *r);
double turns_step_s(const struct turns_rule *r);

/* After a glance at it. A process that rests and moves, or in which something rises, gets a look soon. */
void turns_glanced(struct turn *t, const struct turns_rule *r, double now_s, enum turns_news news);

/*
 * After a look. may_rest: nothing can rise in it unseen by a glance, so that it may be left alone
 * for TURNS_QUIET intervals; else for two.
 */
void turns_looked(struct turn *t, const struct turns_rule *r, double now_s, enum turns_news news,
		  bool may_rest, double cost_ms);

/* Something rises in it, whoever says so: the next looks come often. */
void turns_heat(struct turn *t, const struct turns_rule *r, double now_s);

/* How late a look is, in intervals of its own; negative: it is not due yet. */
double turns_late(const struct turn *t, const struct turns_rule *r, double now_s);

/*
 * Looks that were due since the last one, and were not had within two intervals; each is told once.
 */
uint32_t turns_missed(struct turn *t, const struct turns_rule *r, double now_s);
