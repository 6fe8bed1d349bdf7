// SPDX-License-Identifier: Apache-2.0
#include "report/openmetrics.h"

#include <errno.h>
#include <stdlib.h>

#include "report/openmetrics_families.h"

/* What one target's series are; out NULL counts them. */
static uint64_t write_target(const struct book_target *t, bool plain)
{
	struct metric_text m = { .series_max = UINT64_MAX };

	for (size_t i = 0; i < n_target_families; i++) {
		metric_begin(&m, &target_families[i].metric);
		if (target_families[i].plain == plain)
			target_families[i].write(&m, t);
	}
	return m.series;
}

static uint64_t count_node(const struct openmetrics_book *b, const struct node_self *self)
{
	struct metric_text m = { .series_max = UINT64_MAX };

	for (size_t i = 0; i < n_node_families; i++) {
		metric_begin(&m, &node_families[i].metric);
		node_families[i].write(&m, b, self);
	}
	return m.series;
}

/* How much of a target is written. */
enum detail { NOTHING, PLAIN, ALL };

static int by_rank(const void *a, const void *b)
{
	const struct book_target *x = *(const struct book_target *const *)a;
	const struct book_target *y = *(const struct book_target *const *)b;

	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	return (x->serial > y->serial) - (x->serial < y->serial);
}

/*
 * The plain series of all, then the others of each, the worst first, for as long as there is room.
 * Returns how many series have none.
 */
static uint64_t plan(const struct openmetrics_book *b, const struct book_target **order,
		     uint64_t room, enum detail *detail)
{
	uint64_t dropped = 0;

	for (uint32_t i = 0; i < b->n; i++)
		order[i] = &b->targets[i];
	qsort(order, b->n, sizeof(*order), by_rank);
	for (enum detail level = PLAIN; level <= ALL; level++) {
		for (uint32_t i = 0; i < b->n; i++) {
			enum detail *d = &detail[order[i] - b->targets];
			uint64_t n = 0;

			if (order[i]->label[LABEL_EXE])
				n = write_target(order[i], level == PLAIN);
			if (n <= room && *d + 1 == level) {
				*d = level;
				room -= n;
			} else {
				dropped += n;
			}
		}
	}
	return dropped;
}

static void write_all(struct metric_text *m, const struct openmetrics_book *b,
		      const struct node_self *self, const enum detail *detail)
{
	for (size_t i = 0; i < n_target_families; i++) {
		const struct target_family *f = &target_families[i];

		metric_begin(m, &f->metric);
		for (uint32_t k = 0; k < b->n; k++)
			if (b->targets[k].label[LABEL_EXE] && detail[k] >= (f->plain ? PLAIN : ALL))
				f->write(m, &b->targets[k]);
	}
	for (size_t i = 0; i < n_node_families; i++) {
		metric_begin(m, &node_families[i].metric);
		node_families[i].write(m, b, self);
	}
	metric_end(m);
}

int openmetrics_node(const struct openmetrics_book *b, const struct node_self *self,
		     const struct openmetrics_options *o, FILE *out)
{
	CLEANUP(arena_free_p) struct arena *a = arena_new();
	struct metric_text m = {
		.out = out, .plain = o->plain,
		.series_max = o->series_max ? o->series_max : LIMIT_METRIC_SERIES,
	};
	uint64_t own = count_node(b, self);
	const struct book_target **order = a ? arena_alloc(a, b->n, sizeof(*order)) : NULL;
	enum detail *detail = a ? arena_alloc(a, b->n, sizeof(*detail)) : NULL;

	if (!order || !detail)
		return -ENOMEM;
	m.dropped = plan(b, order, m.series_max > own ? m.series_max - own : 0, detail);
	write_all(&m, b, self, detail);
	return ferror(out) ? -EIO : 0;
}
