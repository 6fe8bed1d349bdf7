/* SPDX-License-Identifier: Apache-2.0 */
/* Who holds the Go heap, for people: a line each, and the way to the most of it. */
#pragma once

#include <stdio.h>

#include "model/retained.h"
#include "report/line.h"

void text_retained(const struct retained *r, struct line *l, FILE *out);
