/* SPDX-License-Identifier: Apache-2.0 */
/* How a figure of a process ran, as a small picture between words. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "model/node.h"

enum page_figure { FIGURE_GOROUTINES, FIGURE_RSS };

/* Are there two points at least that know the figure? */
bool page_spark_has(const struct node_history *h, enum page_figure what);
/*
 * An <svg> with a label that says the same in words. small: for a cell of a table. Where goroutines
 * were not known the line has a gap. Nothing when there is nothing to be seen.
 */
void page_spark(const struct node_history *h, enum page_figure what, bool small, FILE *out);
