/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every process of the machine or of a cgroup, over time, inside one budget: one line of /proc for
 * each at each look; Go processes, and others that grow, are watched (collect/watch.h) as often as
 * the budget allows; long waits in futexes are traced once for all of them.
 *
 * A process that cannot be read, or whose read never ends, is left out with its reason and holds
 * up nobody. Times are of clocks that nobody sets.
 */
#pragma once

#include "base/cleanup.h"
#include "base/diag.h"
#include "model/node.h"

struct node;

/* Processes that get probes of their own, when they are asked for: those that use most CPU. */
#define NODE_PROBED 8

struct node_args {
	const char *cgroup;	/* borrowed; NULL: all of the machine */
	double interval_s;	/* between two looks, where the budget allows it */
	double budget_percent;	/* of one core, for everything */
	bool futex;		/* trace long waits, of all processes */
	unsigned int probes;	/* 1u << enum collector, for NODE_PROBED processes; 0 none */
	/*
	 * For whoever goes on for months. Each process has its own time (analysis/turns.h): next_s is
	 * a part of interval_s, and a look of the node looks at those whose turn it is. All that
	 * follows is for this alone.
	 */
	bool scheduled;
	bool discover;		/* by BPF, where the kernel lets us; not for a cgroup */
	uint64_t memory_max_bytes;	/* of loiter: near it nothing more is opened; 0 no cap */
	const char *state_dir;	/* borrowed; what is known is kept there; NULL: nowhere */
	/*
	 * Asks for a heavier look at a process, for a reason that is a string for good. It must not
	 * take long; what comes of it is told by node_examined(), and until then there is no other.
	 * -errno: not now. NULL: there are none.
	 */
	int (*examine)(void *arg, int pid, uint64_t start_time, const char *reason);
	void *examine_arg;
};

/* -ENOENT no such cgroup, -ENOMEM; tracing that is refused is no error: see node_look.futex. */
int node_open(const struct node_args *args, struct node **ret, struct diag *d);
void node_close(struct node *n);
DEFINE_CLEANUP(struct node, node_close)

/*
 * Takes a look; the next one is due in ret->next_s. *ret is the node's, until the next call.
 * -ENOMEM; -ENOENT the cgroup is gone; -errno /proc cannot be read.
 */
int node_look(struct node *n, const struct node_look **ret, struct diag *d);

struct node_self;

/* Fills what the node knows of itself: discovery, processes left out, the state file. */
void node_tell(const struct node *n, struct node_self *ret);

/*
 * Why the state file could not be read or written, last; NULL: it could. The node's, until the next
 * look.
 */
const struct diag *node_state_trouble(const struct node *n);
/* Why the kernel does not tell of processes; NULL: it does, or was not asked. */
const struct diag *node_discovery_trouble(const struct node *n);

/*
 * What a heavier look has found; NULL: it came to nothing. It is the node's from now on, shows from the
 * next look on, and its cost counts. By any thread.
 */
void node_examined(struct node *n, int pid, uint64_t start_time, struct examined *e);

/*
 * Writes the state file now, as is done from time to time anyhow. A failure is counted; what is on
 * disk is whole, the old one or the new. Not while a look runs. -errno.
 */
int node_save(struct node *n, struct diag *d);

/*
 * The closing snapshot of one of the processes of the last look, as watch_finish() gives it. The
 * node's, until it is closed. -ENODATA: it was not watched; -ENOMEM.
 */
int node_finish(struct node *n, int pid, const struct snapshot **ret, struct diag *d);
