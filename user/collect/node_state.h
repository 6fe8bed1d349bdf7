/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of collect/node.c share: the table of processes, and one budget. */
#pragma once

#include "analysis/trend.h"
#include "base/addrmap.h"
#include "collect/crew.h"
#include "collect/node.h"
#include "collect/tracing.h"
#include "target/lines.h"

struct lock_watch;
struct node_locks;
struct watch;

/* A look or an open that takes longer than this is left to itself. */
#define NODE_PATIENCE_S 1.0

/* A process that is watched: a job of the crew. All of it is the crew's while it is busy. */
struct node_watch {
	bool busy;
	pid_t pid;
	bool probed;			/* it has probes of its own, by */
	struct tracing_args tracing;
	struct watch *watch;		/* NULL: not opened yet, or that failed */
	const struct interval *interval;	/* of the last look */
	bool is_new;			/* interval is of this look of the node */
	int err;			/* of the last open or look, with */
	struct diag why;
	const struct snapshot *closing;
	double look_ms;			/* what a look costs; 0: none yet */
};

/* One process, from its first line of /proc to the look after its last. */
struct node_entry {
	struct proc_line line;
	char name[64];
	bool present;		/* in this look */
	uint32_t looks;		/* that it was in */
	double cores;
	uint64_t exe_dev, exe_ino;	/* 0 unknown */
	struct trend_history *rss_history, *threads_history;
	struct trend rss, threads;
	enum node_kind kind;	/* NODE_UNKNOWN: not looked at */
	bool tried;		/* to open it: whatever came of it, it is not tried again */
	char *not_read;
	struct node_watch *watched;	/* NULL: not */
	uint32_t looked;	/* the node's look at which it was looked at last */
	struct lock_activity *locks;	/* of this look, and */
	const struct finding *lock_findings;
	uint32_t n_lock_findings;
};

struct node {
	struct node_args args;
	struct tracing_args tracing;	/* of NODE_PROBED processes */
	struct crew *crew;
	struct node_entry **all;	/* by pid */
	size_t n;
	struct node_entry **gone;	/* that were watched, until the next look */
	size_t n_gone;
	struct addrmap *c_files;	/* executables that are known not to be Go, by dev and ino */
	struct node_locks *locks;	/* NULL: not asked for, or refused */
	struct diag locks_refused;
	struct arena *arena;		/* of the last look */
	struct node_look look;
	struct timespec start, before;
	double cpu_ms, before_ms;	/* loiter's, when it began and at the look before */
	double credit_ms;		/* CPU time that may be spent now; negative: a debt */
	double spent_ms;		/* of it, by the crew in this look */
	double pass_ms;			/* that the lines of all processes cost */
	uint32_t number;
	uint32_t probed;
};

/* --- node_watch.c --- */

/*
 * Opens processes whose kind is not known yet, most CPU first, and takes a look at those that are
 * watched, the one that was not looked at for longest first, as long as the credit lasts.
 */
int node_watch_all(struct node *n);
/* The last look at one that has ended. */
void node_watch_last(struct node *n, struct node_entry *e);
/* watch_finish(), into w->closing. -ENODATA also when it takes too long. */
int node_watch_finish(struct node *n, struct node_watch *w, struct diag *d);
/* Also when its look never comes to an end: then what it holds stays. */
void node_watch_free(struct node_watch *w);

/* --- node_locks.c --- */

/* -EPERM, -EOPNOTSUPP, -ENOMEM: none. */
int node_locks_open(double budget_percent, struct node_locks **ret, struct diag *d);
void node_locks_close(struct node_locks *l);
DEFINE_CLEANUP(struct node_locks, node_locks_close)

/*
 * Long waits since the call before: fills locks and lock_findings of entries, and futex, long_waits,
 * blind of the look and what it has cost, in cores. -ENOMEM; else what tracing failed with.
 */
int node_locks_look(struct node *n, struct node_locks *l, double *probe_cores, struct diag *d);

/* NULL: no such process now. */
struct node_entry *node_find(struct node *n, pid_t pid);
