/* SPDX-License-Identifier: Apache-2.0 */
/* What the collectors saw in one interval, for people: plain lines under those of the sites. */
#pragma once

#include <stdio.h>

#include "model/interval.h"
#include "report/interval.h"
#include "report/line.h"

/* Collectors that are refused, and findings that are new; each once. i->activity may be NULL. */
void text_activity_news(const struct interval *i, struct line *l, FILE *out,
			struct interval_told *told);

/* A few lines for each collector that saw something worth one. i->activity may be NULL. */
void text_activity(const struct interval *i, struct line *l, FILE *out);
