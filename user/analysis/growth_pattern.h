/* SPDX-License-Identifier: Apache-2.0 */
/* The name of a growth, by what its goroutines wait for and what runs them. Pure. */
#pragma once

#include "model/interval.h"

/*
 * Sets the pattern and echo of each suspect site that grows: growing-group, or sleeping, io-no-deadline, http-body-open,
 * held-connections, cgo-threads where what is seen says so.
 */
void growth_name(const struct snapshot *s, struct site *sites, uint32_t n);

/* What to do about a pattern; NULL when there is nothing to say. */
const char *growth_advice(const char *pattern);
