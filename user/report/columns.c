// SPDX-License-Identifier: Apache-2.0
#include "report/columns.h"

static struct column *of_rank(struct column *all, size_t n, unsigned int rank)
{
	for (size_t i = 0; i < n; i++)
		if (all[i].rank == rank)
			return &all[i];
	return NULL;
}

/* Columns of the table, each with the gap before it but the first, may not be wider than this. */
static unsigned int choose(struct column *all, size_t n, unsigned int width)
{
	struct column *rest = of_rank(all, n, 0);
	unsigned int used = rest->least < width ? rest->least : width;

	rest->width = used;
	for (unsigned int rank = 1; rank < n; rank++) {
		struct column *c = of_rank(all, n, rank);

		/* One that is narrow does not step in for a wide one that says more. */
		if (!c || used + COLUMNS_GAP + c->least > width)
			break;
		c->width = c->least;
		used += COLUMNS_GAP + c->least;
	}
	return used;
}

/* One column after another gets one more, the one of rank 0 more of them, until none wants any. */
static unsigned int share(struct column *all, size_t n, unsigned int left)
{
	bool more = true;

	while (left && more) {
		more = false;
		for (size_t i = 0; left && i < n; i++) {
			struct column *c = &all[i];
			unsigned int gets = c->rank ? 1 : 4;

			if (!c->width || c->width >= c->most)
				continue;
			if (gets > c->most - c->width)
				gets = c->most - c->width;
			if (gets > left)
				gets = left;
			c->width += gets;
			left -= gets;
			more = true;
		}
	}
	return left;
}

void columns_fit(struct column *all, size_t n, unsigned int width)
{
	unsigned int at = 0;

	for (size_t i = 0; i < n; i++)
		all[i].width = 0;
	of_rank(all, n, 0)->width += share(all, n, width - choose(all, n, width));
	for (size_t i = 0; i < n; i++) {
		if (!all[i].width)
			continue;
		all[i].at = at;
		at += all[i].width + COLUMNS_GAP;
	}
}
