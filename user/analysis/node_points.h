/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a process's figures ran: some points for a sparkline, the newest always among them, and the
 * older the further apart when all are (every other one is dropped when there is no room). Pure.
 */
#pragma once

#include "model/node.h"

enum { NODE_POINTS = 120 };

/* All zero at first. */
struct node_points {
	struct node_point *all;
	uint32_t n, room;
	double gap_s;		/* between two that stay */
};

void node_points_done(struct node_points *p);
/* gap_s: between the first points. -ENOMEM. */
int node_points_add(struct node_points *p, double gap_s, const struct node_point *point);
