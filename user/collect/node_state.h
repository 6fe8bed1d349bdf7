/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of collect/node.c share: the table of processes, and one budget. */
#pragma once

#include <pthread.h>

#include "analysis/node_points.h"
#include "analysis/trend.h"
#include "analysis/turns.h"
#include "base/addrmap.h"
#include "collect/crew.h"
#include "collect/node.h"
#include "collect/tracing.h"
#include "target/lines.h"

struct examined;
struct node_exam_desk;
struct node_self;

struct known_sites;
struct lock_watch;
struct node_finder;
struct node_keeper;
struct node_locks;
struct watch;

/* A look or an open that takes longer than this is left to itself. */
#define NODE_PATIENCE_S 1.0

/* A process that is watched: a job of the crew. All of it is the crew's while it is busy. */
struct node_watch {
	bool busy;
	pid_t pid;
	bool rests;			/* between looks */
	bool late;			/* its look was left to itself */
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

/* Where a process belongs. */
struct node_home {
	char *cgroup, *container_id, *pod_uid, *unit;	/* NULL: none */
	double read_s;		/* of the node: it may be moved */
};

/* The heavier looks at a process. */
struct node_exams {
	struct examined *last;	/* NULL: none yet */
	double asked_s;		/* of the node; negative: never */
	double due_s;		/* of the next search for leaks */
	double cost_ms;		/* of the last one; 0 unknown */
};

/* One process, from its first line of /proc to the look after its last. */
struct node_entry {
	struct proc_line line;
	char name[64];
	uint32_t first;		/* the node's look that first saw it */
	uint32_t looks;		/* in which its line was read */
	double read_s;		/* of the node: when that was, last */
	bool fresh;		/* in this look */
	double cores;
	struct trend_history *rss_history, *threads_history;
	struct trend rss, threads;
	uint32_t rss_rises, threads_rises, site_rises;	/* looks left in which it is known to rise */
	enum node_kind kind;	/* NODE_UNKNOWN: not looked at */
	bool tried;		/* to open it: whatever came of it, it is not tried again */
	char *not_read;
	double tried_s;
	struct node_watch *watched;	/* NULL: not */
	uint32_t looked;	/* the node's look at which it was looked at last */
	struct lock_activity *locks;	/* of this look, and */
	const struct finding *lock_findings;
	uint32_t n_lock_findings;
	struct node_home home;
	struct node_points points;
	struct node_history history;	/* of these */
	struct node_tally tally;
	struct node_exams exams;
	/* Of a node that is scheduled: */
	struct turn turn;
	uint64_t allgs;		/* goroutine structs at the last glance; 0 unknown */
	bool more_structs;	/* than at the one before */
	bool no_glance;		/* one did not come to its end */
	uint64_t ticks_looked, ticks_glanced;	/* its CPU time by then */
	struct known_sites *known;	/* of the state file, until its first look; NULL: none */
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
	uint32_t watched;
	/* Of a node that is scheduled: */
	struct turns_rule rule;
	struct node_finder *finder;
	uint64_t discovery_lost, left_out;
	bool full;			/* next to its cap of memory: nothing is opened */
	struct node_exam_desk *desk;	/* NULL: there are no heavier looks */
	double exams_ms;		/* what they have cost */
	struct node_keeper *keeper;	/* NULL: no state is kept */
	struct diag keep_why;		/* why the last read or write of it failed */
};

/* --- node.c --- */

/* Lines of those in this look, by pid; not `fresh`: as they were before. NULL: all are fresh. */
int node_merge(struct node *n, const struct proc_line *lines, const bool *fresh, size_t n_lines);
/* What is not spent by the end of a look is kept, up to this. */
double node_credit_max(const struct node *n);

/* --- node_describe.c --- */

/* Fills what the look tells of all processes, the worst first. -ENOMEM. */
int node_describe_all(struct node *n);

/* --- node_turns.c --- */

/* Finds processes, reads the lines of those whose turn it is. Errors of proc_pids(). */
int node_turns_open(struct node *n);
void node_turns_close(struct node *n);
int node_turns_read(struct node *n, struct diag *d);
/* Does the kernel tell who comes and goes? */
bool node_turns_discover(const struct node *n);

/* --- node_looks.c --- */

/* Glances at those whose lines were read; looks at those that are due. -ENOMEM. */
int node_glance_all(struct node *n);
int node_look_at_due(struct node *n);
/* Does some site of that look grow? */
bool node_sites_grow(const struct interval *i);

/* --- node_home.c --- */

/* Reads where it belongs, if that is not known or long ago. -ENOMEM. */
int node_home_read(struct node *n, struct node_entry *e);
void node_home_done(struct node_home *h);

/* --- node_exams.c --- */

int node_exams_open(struct node *n);
void node_exams_close(struct node *n);
/* Takes what has come in; asks for what is due, if the budget allows. */
void node_exams_take(struct node *n);
void node_exams_ask(struct node *n);
/* The findings of the last one join p->findings. -ENOMEM. */
int node_exams_tell(struct node *n, const struct node_entry *e, struct node_process *p);

/* --- node_keep.c --- */

/* A state that cannot be read is counted and forgotten. -ENOMEM. */
int node_keep_open(struct node *n);
void node_keep_close(struct node *n);
/* An entry that is new: what was known of this very process. -ENOMEM. */
int node_keep_restore(struct node *n, struct node_entry *e);
/* After its first look: does something go on that was known to grow? */
bool node_keep_goes_on(struct node *n, struct node_entry *e);
/* Once in a while, writes it. */
void node_keep_step(struct node *n);
void node_keep_tell(const struct node *n, struct node_self *ret);
void known_sites_free(struct known_sites *k);

/* --- node_watch.c --- */

/*
 * Opens processes whose kind is not known yet, most CPU first, and takes a look at those that are
 * watched, the one that was not looked at for longest first, as long as the credit lasts.
 */
int node_watch_all(struct node *n);
/* Opens what wants to be, as far as time and credit go, and lets go of what is of no use. */
int node_watch_open_all(struct node *n);
/* One look, whatever it costs; n->spent_ms has that. -ENOMEM. */
int node_watch_look(struct node *n, struct node_entry *e);
/* A look that was left to itself, and has come to its end by now: it counts. */
bool node_watch_take_late(struct node_entry *e);
/* May it be looked at? */
bool node_watch_ready(const struct node_entry *e);
/* Those of n->all that `wants`, sorted; in the look's arena. -ENOMEM. */
int node_choose(struct node *n, bool (*wants)(struct node *n, struct node_entry *e),
		int (*order)(const void *, const void *), struct node_entry ***ret, size_t *ret_n);
/* There is no time left of what one look of the node may take for this. */
bool node_has_time(const struct node *n, const struct timespec *since);
/* Does it grow, by its line? */
bool node_entry_grows(const struct node_entry *e);
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
