/* SPDX-License-Identifier: Apache-2.0 */
/* The forms of `loiter attach`: what a look at a process that is watched has changed. */
#pragma once

#include <stdio.h>

#include "model/interval.h"
#include "report/report.h"

enum { INTERVAL_TOLD = 256 };

struct interval_form {
	struct report_options report;	/* top: sites that are shown, 0 for all that matter */
	bool many;		/* processes: each line says whose it is */
};

/* What plain lines have said of one process, so as not to say it at each look. Zero at first. */
struct interval_told {
	unsigned int refused;	/* 1u << enum collector */
	uint64_t findings[INTERVAL_TOLD];	/* by a hash of what they say */
	size_t n_findings;
};

/* Each: 0, or -EIO / -ENOMEM, as report.h says. */

/* Once, above the rest: the process, and what will follow. */
int interval_head(const struct process_info *p, double every_s, FILE *out,
		  const struct interval_form *form);
/*
 * Plain lines: the process, what was found just now, the sites that grow, the others that changed,
 * and what the collectors saw.
 */
int interval_lines(const struct process_info *p, const struct interval *i, FILE *out,
		   const struct interval_form *form, struct interval_told *told);
/* loiter.interval/1, on one line. */
int interval_json(const struct process_info *p, const struct interval *i, FILE *out,
		  const struct interval_form *form);
/* What watching has cost: the last line of the closing report. */
int interval_cost(const struct process_info *p, const struct interval *last, FILE *out,
		  const struct interval_form *form);
