/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All processes of a machine, or of a cgroup, at one moment: a line each, of what /proc says and,
 * where more was looked at, of goroutines and locks. Plain values, in the arena of whoever looked;
 * strings are raw bytes of the target. "Unknown" is NULL, a `known` that is false, or negative
 * where said so: never a zero that could be taken for a fact.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "model/interval.h"
#include "model/trend.h"

enum node_kind {
	NODE_UNKNOWN,		/* not looked at yet, or not ours to look at */
	NODE_C,			/* whatever is not Go: C, C++, Rust, an interpreter */
	NODE_GO,
	NODE_CGO,		/* Go with C inside, or a C program that has loaded Go */
	NODE_KINDS
};
/* "?", "c", "go", "cgo": the words of table and JSON. */
const char *node_kind_name(enum node_kind k);

struct examined;	/* model/examined.h */

/* How a process's figures ran since it is known: for a sparkline, thinned out as time goes on. */
struct node_point {
	double elapsed_s;	/* of the node's look */
	uint64_t rss_bytes;
	uint64_t goroutines;	/* of the last look at them; 0 unknown or none */
};

struct node_history {
	const struct node_point *points;	/* ascending in time */
	uint32_t n;
};

/*
 * Four facts that are never taken for each other: an end and another start (`began`, `gone`), a
 * look that failed, and one that was due and was not had in time.
 */
struct node_tally {
	uint64_t looks;		/* at its goroutines, that succeeded */
	uint64_t failed;	/* that could not be had */
	uint64_t missed;	/* that were due, and came later than two of its intervals */
};

struct node_process {
	int pid;
	uint64_t start_time;	/* clock ticks after boot: with the pid its identity */
	const char *name;	/* of the executable, or what the process calls itself */
	enum node_kind kind;
	enum watch_state state;
	bool began;		/* since the look before */
	double uptime_s;	/* negative unknown */
	double cores;		/* CPU that it uses; negative unknown */
	/* Each with its verdict: bursts that drain and pools that fill once do not grow. */
	struct trend rss;	/* bytes */
	struct trend threads;
	struct trend goroutines;	/* of all its sites; grows: one of them does */
	uint32_t growing_sites;	/* of goroutines */
	/* Long waits; NULL: it has none, or nothing is traced. */
	const struct lock_activity *locks;
	/* What is wrong with it, most severe first; verdicts below suspect are not among them. */
	const struct finding *findings;
	uint32_t n_findings;
	/* Of its cgroup (target/cgroup.h); NULL none or unknown. */
	const char *cgroup, *container_id, *pod_uid, *unit;
	/* Kept by the daemon alone; NULL and 0 elsewhere: */
	const struct examined *examined;	/* the last heavier look; NULL: none yet */
	const struct node_history *history;
	struct node_tally tally;
	double interval_s;	/* between two looks at it, just now; 0 unknown */
	const char *not_read;	/* why it has no more than its line of /proc; NULL: no need, or it has */
	/*
	 * The process, and the last look at it, where it is watched: each Go process, and those of
	 * others that grow. NULL otherwise. `looked`: in this very look of the node, not earlier.
	 */
	const struct process_info *info;
	const struct interval *interval;
	bool looked;
};

/* Any of its figures. */
bool node_process_grows(const struct node_process *p);

struct node_look {
	uint32_t number;	/* the first is 0 */
	struct timespec time;	/* wall clock */
	double elapsed_s;	/* since the first look */
	double span_s;		/* since the look before; 0 for the first */
	const struct node_process *all;	/* worst first: by verdict, then by what grows fastest */
	uint32_t n;
	uint32_t n_go;		/* of these: Go, as far as is known */
	uint32_t n_unknown;	/* whose kind is not known yet: they are looked at by and by */
	uint32_t n_worse;	/* the first so many have findings, or grow */
	uint64_t began, ended;	/* since the look before */
	const struct node_process *gone;	/* that were watched, and have ended since then */
	uint32_t n_gone;
	uint32_t unreadable;	/* of which no more than a line may be read */
	uint32_t stuck;		/* whose look has not come to its end yet */
	/* How the tracing of long waits fared, of the machine; hits are of all CPUs. */
	struct collector_report futex;
	uint64_t long_waits;	/* of all processes */
	uint64_t blind;		/* sleeps that could not be followed */
	/* Processes with probes of their own; 0 unless they were asked for. */
	uint32_t probed, probed_max;
	/*
	 * core_percent: of one core, since the start; target_cpu: what tracing costs all of them, in
	 * cores. Of budget_percent of one core, for all of it.
	 */
	struct overhead overhead;
	double next_s;		/* when the next look is due, so that it all keeps to the budget */
};
