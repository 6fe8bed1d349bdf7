/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every family, a row each; scripts/check-metrics holds the rows against man/loiter-metrics.7.
 * Inside of openmetrics.h.
 */
#pragma once

#include "report/openmetrics_book.h"
#include "report/openmetrics_text.h"

/* Of each target, whose name the first TARGET_NAME_LABELS labels of a series are. */
struct target_family {
	struct metric metric;
	const char *labels;	/* besides the target's name; "" none */
	const char *how;	/* of several processes: "sum", "max", "min", "newest" */
	bool plain;		/* few series, which all targets have, whatever the room */
	void (*write)(struct metric_text *m, const struct book_target *t);
};
extern const struct target_family target_families[];
extern const size_t n_target_families;

/* Of the node as a whole, and of loiter. */
struct node_family {
	struct metric metric;
	const char *labels;
	void (*write)(struct metric_text *m, const struct openmetrics_book *b,
		      const struct node_self *self);
};
extern const struct node_family node_families[];
extern const size_t n_node_families;
