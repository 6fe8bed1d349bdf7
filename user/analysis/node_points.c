// SPDX-License-Identifier: Apache-2.0
#include "analysis/node_points.h"

#include <errno.h>
#include <stdlib.h>

/* A process that is there for a moment takes no room for hours. */
enum { FIRST_ROOM = 8 };

void node_points_done(struct node_points *p)
{
	free(p->all);
	*p = (struct node_points){ 0 };
}

static int make_room(struct node_points *p)
{
	uint32_t room = p->room ? p->room * 2 : FIRST_ROOM;
	struct node_point *all;

	if (p->n < p->room)
		return 0;
	if (room > NODE_POINTS)
		room = NODE_POINTS;
	all = realloc(p->all, room * sizeof(*all));
	if (!all)
		return -ENOMEM;
	p->all = all;
	p->room = room;
	return 0;
}

static void thin_out(struct node_points *p)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < p->n; i += 2)
		p->all[n++] = p->all[i];
	p->n = n;
	p->gap_s *= 2;
}

int node_points_add(struct node_points *p, double gap_s, const struct node_point *point)
{
	int r;

	if (p->gap_s < gap_s)
		p->gap_s = gap_s;
	/* The newest is only for now, until it is far enough from the one before it. */
	if (p->n >= 2 && point->elapsed_s - p->all[p->n - 2].elapsed_s < p->gap_s) {
		p->all[p->n - 1] = *point;
		return 0;
	}
	if (p->n == NODE_POINTS)
		thin_out(p);
	r = make_room(p);
	if (r == 0)
		p->all[p->n++] = *point;
	return r;
}
