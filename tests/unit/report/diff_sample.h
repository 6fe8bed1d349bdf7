/* SPDX-License-Identifier: Apache-2.0 */
/* A comparison of a sample with itself, ten minutes later and grown, by way of its JSON. */
#pragma once

#include <stdio.h>

#include "model/snapshot.h"
#include "report/report.h"

/* Changes s. 0 or a negative errno. */
int write_diff_sample(struct snapshot *s, FILE *out, const struct report_options *o, bool json);
