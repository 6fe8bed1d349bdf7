/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much of the time each collector may be on, so that all of them and loiter itself stay inside
 * one budget. Pure arithmetic: times and counts in, shares out.
 *
 * Costs are in cores: CPU seconds a second. What was spent over or under the budget is carried to
 * the next step, so that the sum over time keeps to it even where rates jump.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/rate.h"

struct governor {
	double percent;		/* of the target's CPU */
	double floor_cores;	/* the budget of an idle target: else nothing would ever be seen */
	double granted_cores;	/* beyond that, by the last step to the next one */
	double debt_s;		/* CPU seconds spent over the budget so far; negative: under it */
	/* Kept from step to step. */
	double own[2];		/* cores that loiter took in the last steps, but for switching */
};

/* What went by since the last step. */
struct governor_time {
	double elapsed_s;
	double target_cpu_s;	/* what the target used, with what the probes cost it */
	double own_cpu_s;	/* what loiter used */
	double switch_cpu_s;	/* of that: to switch probes on and off */
};

struct governor_item {
	/* In. */
	double hit_ns;		/* cost of one hit: trap and program */
	uint64_t hits;		/* since the last step */
	double armed_s;		/* how long it was on, since the last step */
	double weight;		/* of its wish for the budget; 1 for most */
	double switch_s;	/* CPU time of loiter for one burst, on and off; 0 unknown */
	bool slow;		/* as of governor_burst() */
	bool always;		/* is never off; what it costs is taken from the others' share */
	/* In and out: the smoothed rate, to be kept from step to step. 0 at first. */
	double full_cores;	/* what it would cost were it always on; negative: never measured */
	/* Out. */
	double duty;		/* share of the time that it may be on, 0 to 1 */
	double spent_cores;	/* since the last step */
};

/*
 * Accounts for what was spent, then plans. Returns the cores that the items and loiter itself cost
 * the machine since the last step. A collector that was never measured gets duty 0: let it have one
 * short burst (GOVERNOR_FIRST_S) to be measured by. Before the first step set full_cores to -1.
 */
double governor_step(struct governor *g, const struct governor_time *t,
		     struct governor_item *items, size_t n);

/* The budget in cores while the target uses target_cores. */
double governor_budget(const struct governor *g, double target_cores);

/* How long the first burst is, which measures. */
#define GOVERNOR_FIRST_S 0.005

/* --- bursts --- */

struct burst_plan {
	double on_s, off_s;	/* off_s 0: stay on; on_s 0: stay off for off_s, then ask again */
};

/*
 * The next burst of a collector with that share: 5 ms on at least, once a second at most, and then
 * off for as long as the share demands, on the average: a large share means that being on is cheap,
 * and switching is not. Both are drawn at random by +-25 and
 * +-50 %: a period that is a lifetime in the target would show all or none of it. *seed is kept from
 * burst to burst. At most 30 s off, so that a share too small for that gives bursts under 5 ms
 * (1 ms at least; below that on_s is 0).
 *
 * slow: the probes take long to go on and off (no uprobe_multi), so bursts are ten times as long
 * and as rare, but for the 30 s.
 */
struct burst_plan governor_burst(double duty, bool slow, uint64_t *seed);

/* --- rates --- */

/*
 * The rate of what was counted `count` times in armed_s of elapsed_s. Counts of independent events
 * scatter as Poisson's law says; dispersion (1 or more: variance by mean of the bursts' counts)
 * widens the bounds for events that come in clusters. armed_s 0: nothing is known, high is
 * infinite.
 */
struct rate rate_of(uint64_t count, double armed_s, double elapsed_s, double dispersion);

/*
 * How much more counts of bursts scatter than those of independent events would: Pearson's
 * chi-square by its degrees of freedom, of each interval by its own mean, so that a change from one
 * interval to the next does not count. Zero at first.
 */
struct dispersion {
	double chi2, degrees;
};
/* The bursts of one interval: counts, and seconds that each was on. The past counts half. */
void dispersion_add(struct dispersion *d, const uint64_t *counts, const double *armed_s, size_t n);
/*
 * For rate_of(), 1 or more: what was found, and more where it is of few bursts, as Student's t has
 * it. Of none: as if it had been of two.
 */
double dispersion_of(const struct dispersion *d);

/*
 * Probes slow the target while they are on, so that what it does all the time is seen less often
 * than it happens. How much less is known when the CPU time it has used in bursts and otherwise is:
 * who waits for something else uses more of it under probes, and does as much as ever; who never
 * waits uses the same, and does less. In cores:
 */
struct slowdown {
	double armed;		/* what the target used while probes were on */
	double armed_error;	/* that may be wrong by so much */
	double usual;		/* and while they were off; 0 unknown */
	double probes;		/* of `armed`, what the probes cost */
	double events;		/* of all kinds, a second, while probes were on */
};
/*
 * The rate over all of the time, of what was seen at that rate under probes. Bounds reach from no
 * slowing at all to as much as there may be if calibration is wrong by half.
 */
struct rate rate_unslowed(struct rate r, const struct slowdown *s);
