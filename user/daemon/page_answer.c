// SPDX-License-Identifier: Apache-2.0
#include "daemon/page_answer.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "daemon/histories.h"
#include "report/page.h"

static void free_points(struct node_point **points)
{
	free(*points);
}

void page_answer_fill(struct histories *h, int pid, uint64_t start_time, char **bytes, size_t *len)
{
	CLEANUP(free_points) struct node_point *points = NULL;
	struct node_history history = { .points = NULL };
	char *page = NULL;
	size_t n = 0;
	FILE *out;
	int r;

	if (histories_get(h, pid, start_time, &points, &history.n) < 0)
		return;
	history.points = points;
	out = open_memstream(&page, &n);
	if (!out)
		return;
	r = page_fill(*bytes, *len, &history, out);
	if (ferror(out))
		r = -1;
	if (fclose(out) != 0 || r < 0) {
		free(page);
		return;
	}
	free(*bytes);
	*bytes = page;
	*len = n;
}
