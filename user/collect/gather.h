/* SPDX-License-Identifier: Apache-2.0 */
/* Goroutines into groups: names, labels, wait objects and ages, while the scan runs. */
#pragma once

#include "base/diag.h"
#include "collect/snapshot.h"
#include "goruntime/goruntime.h"
#include "model/snapshot.h"

struct sockets;

/*
 * Fills the groups, totals, goroutines (when o->goroutines) and quality of s. sockets may be NULL
 * (a core). Groups come unsorted and unjudged. Errors of goroutines_scan(); -ENOMEM.
 */
int gather_goroutines(struct go_runtime *rt, struct sockets *sockets,
		      const struct snapshot_options *o, struct snapshot *s, struct diag *d);
