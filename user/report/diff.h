/* SPDX-License-Identifier: Apache-2.0 */
/* The forms of a comparison of two snapshots. Strings of it are escaped here, as all are. */
#pragma once

#include <stdio.h>

#include "analysis/diff.h"
#include "report/report.h"

/* Each: 0, or -EIO / -ENOMEM, as report.h says. top: rows of each table. */
int report_diff_text(const struct diff *d, FILE *out, const struct report_options *o);
/* loiter.diff/1; the same rules as loiter.snapshot/1. */
int report_diff_json(const struct diff *d, FILE *out, const struct report_options *o);
