/* SPDX-License-Identifier: Apache-2.0 */
/* The heap profile in a few lines: who has allocated what lives. */
#pragma once

#include <stdio.h>

#include "model/snapshot.h"
#include "report/line.h"

/* Of snapshot.heap_profile. -ENOMEM. */
int text_heap(const struct snapshot *s, struct line *l, FILE *out);
