/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every process of the machine or of a cgroup, over time, inside one budget: one line of /proc for
 * each at each look; Go processes, and others that grow, are watched (collect/watch.h) as often as
 * the budget allows; long waits in futexes are traced once for all of them.
 *
 * A process that cannot be read, or whose read never ends, is left out with its reason and holds
 * up nobody.
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

/*
 * The closing snapshot of one of the processes of the last look, as watch_finish() gives it. The
 * node's, until it is closed. -ENODATA: it was not watched; -ENOMEM.
 */
int node_finish(struct node *n, int pid, const struct snapshot **ret, struct diag *d);
