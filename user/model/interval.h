/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One process over time: what changed since the last look, and what that says of each site.
 * "Unknown" is NULL, negative where said so, or a count that is not there: never a zero that could
 * be taken for a fact.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "model/activity.h"
#include "model/snapshot.h"

/* Earlier looks whose goroutines are followed: the start and the middle of two windows. */
enum { INTERVAL_MARKS = 4 };

/* One look among others: its number, from 0, and the earlier ones that it is compared with. */
struct look {
	uint32_t number;
	uint32_t marks[INTERVAL_MARKS];
};

/* What the looks before say of the goroutines of one group of a snapshot; same index. */
struct group_past {
	uint64_t arrived;	/* that were not at this site in the look before */
	uint64_t awake;		/* not of the group: parked here in the look before, and running now */
	uint64_t stayed[INTERVAL_MARKS];	/* here in every look since that mark's, awake or not */
	uint64_t same_park[INTERVAL_MARKS];	/* of those, the ones that did not even wake up */
	uint32_t oldest;	/* the look that first saw one of them in the park that it is in */
};

/* Goroutines that were parked at a site age_s ago, and those of them that have not left it. */
struct cohort {
	uint64_t then, now;
	uint64_t same_park;	/* of `now`, in the very park that they were in */
	double age_s;
};

/* One site over time: goroutines alike in stack, state, wait reason and creator. */
struct site {
	uint64_t id;		/* stable across runs of one binary */
	uint32_t group;		/* the largest of its groups in the snapshot */
	uint64_t count;
	uint64_t awake;		/* besides: parked here in the look before, and running now */
	int64_t delta;		/* since the look before */
	uint64_t arrived;	/* since then */
	uint64_t stack_bytes;	/* of all its goroutines */
	bool grows;		/* arrivals go on, and who came stays */
	bool grew;		/* said so in the look before */
	bool peak;		/* some more than at any look of late: it may be about to grow */
	bool echo;		/* it grows because another one does, which says more */
	/*
	 * Nobody comes and nobody leaves: all are in one C call each, in which they were already
	 * when the cohort was there, and each holds a thread. grows is set as well: it is suspect.
	 */
	bool held;
	enum verdict verdict;	/* of its largest group; suspect when it grows */
	const char *pattern;	/* leak-cases name, or NULL */
	/* Unless it grows, what follows is of the last window and proves nothing. */
	double window_s;	/* that the rate is of; 0: not enough looks yet */
	double rate_per_min;	/* net: arrivals less departures */
	double rate_error;	/* half the width of its 95 % interval */
	struct cohort cohort;	/* age_s 0: none */
	double bytes_each;	/* of stack, or of RSS where that could be measured; 0 unknown */
	bool bytes_are_rss;
};

/* What looking has cost, since the start and in this interval. Times: negative unknown. */
struct overhead {
	double cpu_ms;		/* of loiter, by this look */
	double setup_ms;	/* once: to open the process and to load programs, so far */
	double core_percent;	/* all of it, set-up and bursts too: of one core, since the start */
	double target_percent;	/* of the target's own CPU time since then; negative unknown */
	uint64_t rss_bytes;	/* of loiter; 0 unknown */
	/*
	 * What tracing costs the target itself: CPU time of its own threads in traps and programs,
	 * by calibration, as a share (0 to 1) of its CPU time, since the start. Negative unknown.
	 */
	double target_cpu;
	double budget_percent;	/* that all of it keeps to; 0: nothing is traced */
};

/* How a process that is watched ended. Four different facts: none is ever taken for another. */
enum watch_state {
	WATCH_RUNNING,
	WATCH_STOPPED,		/* by a signal or a debugger: it is there and does not run */
	WATCH_EXITED,
	WATCH_EXECED,		/* another program runs there now */
	WATCH_FAILED,		/* it is there, but this look could not be had */
};
/* "running", "stopped", "exited", "exec", "failed": the JSON's words. */
const char *watch_state_name(enum watch_state s);

struct interval {
	uint32_t number;	/* of the look; the first is 0 */
	struct timespec time;	/* wall clock */
	double elapsed_s;	/* since the first look */
	double span_s;		/* since the look before; 0 for the first */
	enum watch_state state;
	const char *reason;	/* why, when it is not WATCH_RUNNING */
	/* The goroutines now; NULL: they were not read, and nothing below but cost is known. */
	const struct snapshot *snapshot;
	const struct site *sites;	/* those that grow first, the fastest first; then by count */
	uint32_t n_sites;
	int64_t goroutines_delta;
	uint64_t rss_bytes;	/* 0 unknown */
	int64_t rss_delta;
	uint32_t threads;	/* 0 unknown */
	int64_t threads_delta;
	double threads_rate_per_min;	/* of the window */
	bool threads_climb;	/* they only come, and their number goes on rising */
	uint32_t cpus;		/* that it may run on; 0 unknown */
	double rss_rate_per_min;	/* of the window, in bytes */
	bool rss_climbs_alone;	/* while the goroutines stand still */
	const char *rss_climbs_by;	/* what climbs, as far as is known; or NULL */
	const struct activity *activity;	/* what collectors saw; NULL: none is on */
	uint64_t lost_events;	/* that a collector had to drop */
	struct overhead overhead;
};
