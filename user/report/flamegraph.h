/* SPDX-License-Identifier: Apache-2.0 */
/* The picture of report_flamegraph() as a part of a page of HTML. */
#pragma once

#include <stdio.h>

#include "model/snapshot.h"

/*
 * An <svg> element without a style of its own. Each box is a <g data-d="DEPTH">, 0 being the root,
 * of a title, a rect and, where there is room, a text. 0, -EIO or -ENOMEM.
 */
int flamegraph_part(const struct snapshot *s, FILE *out);
