/* SPDX-License-Identifier: Apache-2.0 */
/* The forms of `loiter doctor`: rows of what is allowed, and the way to the rest. */
#pragma once

#include <stdio.h>
#include <sys/types.h>

#include "model/feature.h"

struct report_options;

struct doctor {
	struct features machine;
	struct features target;	/* no rows: none was asked for */
	pid_t pid;		/* of the target; 0 none */
};

/* A line each, and one below with the way to fix what is not ok. 0 or -EIO. */
int report_doctor_text(const struct doctor *doc, FILE *out, const struct report_options *o);
/* loiter.doctor/1, on one line. 0, -EIO, -ENOMEM. */
int report_doctor_json(const struct doctor *doc, FILE *out, const struct report_options *o);
