/* SPDX-License-Identifier: Apache-2.0 */
/* The text report's table of groups. */
#pragma once

#include <stdio.h>

#include "model/snapshot.h"
#include "report/report.h"

/* The user groups, at most o->top of them (0: all), and how many were left out. */
void text_table(const struct snapshot *s, FILE *out, const struct report_options *o);
