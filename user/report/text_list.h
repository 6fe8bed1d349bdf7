/* SPDX-License-Identifier: Apache-2.0 */
/* The text report's list of every goroutine. */
#pragma once

#include <stdio.h>

#include "model/snapshot.h"
#include "report/report.h"

/* snapshot.goroutines by id; nothing when they were not asked for. */
void text_list(const struct snapshot *s, FILE *out, const struct report_options *o);
