/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metrics of all processes of a node, for Prometheus and whoever reads its formats; each family is
 * in man/loiter-metrics.7. A target is what has one name: pod or container, or systemd unit, and
 * executable; processes of one name are one target. What was not read has no series.
 *
 * Who looks keeps a book, which remembers what a look alone does not say: counters go on when a
 * process ends, and a target keeps its name while others come and go. It is bounded whatever the
 * processes do.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "model/node.h"
#include "model/node_self.h"

/* What goes over HTTP as Content-Type. */
#define OPENMETRICS_TYPE "application/openmetrics-text; version=1.0.0; charset=utf-8"
#define OPENMETRICS_PLAIN_TYPE "text/plain; version=0.0.4; charset=utf-8"

struct openmetrics_options {
	bool plain;		/* Prometheus' text format 0.0.4, for all that ask for no more */
	uint32_t series_max;	/* 0: LIMIT_METRIC_SERIES */
};

struct openmetrics_book;

/* Targets that are told apart by name; 0: LIMIT_METRIC_TARGETS. NULL when memory is short. */
struct openmetrics_book *openmetrics_book_new(uint32_t targets_max);
void openmetrics_book_free(struct openmetrics_book *b);
DEFINE_CLEANUP(struct openmetrics_book, openmetrics_book_free)

/*
 * Once for each look of the node, right after it. Nothing of the look is kept, so that what follows
 * may be written at any time. -ENOMEM: the book is as after the look before, but for counters, of
 * which some may have gone on.
 */
int openmetrics_book_add(struct openmetrics_book *b, const struct node_look *look);

/*
 * Writes what the last look said, and `self`. Where not all fits into series_max, the targets that
 * are worst have all their series and the others the plain ones; what was left out is said.
 * 0, or -EIO / -ENOMEM, as report.h has it.
 */
int openmetrics_node(const struct openmetrics_book *b, const struct node_self *self,
		     const struct openmetrics_options *o, FILE *out);
