/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this kernel and our capabilities allow, found out by trying wherever that is harmless:
 * versions lie, for distributions take features back to old kernels.
 */
#pragma once

#include "base/arena.h"
#include "model/feature.h"

/* Adds a row for each. Nothing stays loaded. 0; -ENOMEM. */
int features_probe(struct arena *a, struct features *ret);
