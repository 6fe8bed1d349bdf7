/* SPDX-License-Identifier: Apache-2.0 */
/* Made-up nodes for metrics. */
#pragma once

#include "model/examined.h"
#include "model/node.h"
#include "model/node_self.h"

/* A Go process with everything, beside it a C one; and what the daemon says of itself. */
const struct node_look *metrics_sample(void);
extern const struct node_self metrics_sample_self;

/* Its names are as bad as they can be: quotes, newlines, ESC, broken UTF-8, far too long. */
const struct node_look *metrics_sample_hostile(void);
