/* SPDX-License-Identifier: Apache-2.0 */
/* The forms of `loiter attach --all` and `--cgroup`. */
#pragma once

#include <stdio.h>

#include "model/node.h"
#include "report/report.h"

/* Each: 0, or -EIO / -ENOMEM, as report.h says. top: rows at most, 0 for 20. */

/* A table: those with something to tell, worst first; then those that changed most. */
int node_text(const struct node_look *n, FILE *out, const struct report_options *o);
/* What is wrong at the end: each finding with its evidence and advice; and the cost. */
int node_text_end(const struct node_look *n, FILE *out, const struct report_options *o);

/* loiter.node/1, on one line: the node as a whole. */
int node_json(const struct node_look *n, FILE *out, const struct report_options *o);
/*
 * loiter.interval/1 of one process, on one line. Those that were not looked at in this look, and of
 * which nothing is to be said, have none: then nothing is written.
 */
int node_json_process(const struct node_look *n, const struct node_process *p, FILE *out,
		      const struct report_options *o);
