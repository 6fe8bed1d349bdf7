/* SPDX-License-Identifier: Apache-2.0 */
/* A finding for people: the verdict and what it says, the evidence under it, last what to do. */
#pragma once

#include <stdio.h>

#include "model/snapshot.h"
#include "report/line.h"

void text_finding(const struct finding *f, struct line *l, FILE *out);

/* Word by word behind a lead, and all lines but the first under its end. */
void text_sentence(struct line *l, FILE *out, unsigned int indent, const char *lead,
		   const char *sentence);
