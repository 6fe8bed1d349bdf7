/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collectors that are on for moments, at the pace that one budget allows: the governor's arithmetic
 * joined with the clocks, the kernel's counters and a thread of bursts for each collector.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cleanup.h"
#include "base/diag.h"
#include "trace/burst.h"

struct pace;

#define PACE_COLLECTORS 8
#define PACE_PROGRAMS 8

/* Of all time. */
struct pace_load {
	uint64_t hits;		/* that were counted, in armed_ns */
	uint64_t outside;	/* that cost as well, while the probes went on or off */
	uint64_t armed_ns;
	double trap_ns;		/* of one hit, without the program: by calibrate() */
	bool whole;		/* trap_ns is of all of a hit, its program included */
	int programs[PACE_PROGRAMS];	/* descriptors, borrowed: what they cost is measured */
	size_t n_programs;
};

struct pace_collector {
	const char *name;
	struct burst_ops ops;	/* arm NULL: is on already, for good */
	int (*load)(void *arg, struct pace_load *ret);	/* with ops.arg; 0 or -errno */
	double weight;		/* of its wish for the budget; 1 for most */
	/*
	 * load's hits and outside, summed, from any thread: so that a target which begins to hit
	 * probes far more often than before is noticed in between. 0 or -errno. NULL: it is not.
	 */
	int (*count)(void *arg, uint64_t *ret);
	/* Cores that it was granted beyond the budget since the last step; NULL: none. */
	double (*granted)(void *arg);
	double most;		/* duty that it never exceeds; 0: it may be on for good */
};

/* What went by since the last step. */
struct pace_report {
	double elapsed_s;
	double target_cores;	/* CPU of the target, what the probes cost it included */
	double budget_cores;
	double own_cores;	/* loiter's */
	double probe_cores;	/* what the probes cost the target, by calibration */
	struct {
		const char *name;
		double duty;	/* that it has from now on */
		double seen;	/* share of the time in which it counted */
		double cores;	/* what it cost */
		double hit_ns;
		uint64_t hits;
		uint64_t bursts;	/* of all time */
		int failed;	/* errno of its arming, which ended it; or 0 */
		struct diag why;	/* with failed */
	} collectors[PACE_COLLECTORS];
	size_t n_collectors;
};

/*
 * percent: the budget, of the target's CPU, or with pid 0 of one core; floor_cores: what an idle target may cost (0.001).
 * -ENOMEM, -ESRCH.
 */
int pace_open(pid_t pid, double percent, double floor_cores, struct pace **ret, struct diag *d);
/* All bursts end, and all threads. The collectors are closed by who opened them, after this. */
void pace_close(struct pace *p);
DEFINE_CLEANUP(struct pace, pace_close)

/* Starts with one short burst, which measures. -ENOSPC too many, -ENOMEM, what load said. */
int pace_add(struct pace *p, const struct pace_collector *c);

/*
 * To be called each interval: accounts for it and sets the pace of the next. own_share: the part of
 * loiter's own CPU time that went into this process; 1 when there is no other. 0; -ESRCH the target
 * is gone. A collector whose load fails is off from then on, and says so.
 */
int pace_step(struct pace *p, double own_share, struct pace_report *ret, struct diag *d);
