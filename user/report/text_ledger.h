/* SPDX-License-Identifier: Apache-2.0 */
/* Where the memory is, for people: a bar of RSS by part, a line a part, and headroom in words. */
#pragma once

#include <stdio.h>

#include "model/memory.h"
#include "report/line.h"

void text_ledger(const struct memory_ledger *m, struct line *l, FILE *out);
