/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshots made of literals, one for each thing that a report must get right. */
#pragma once

#include "model/snapshot.h"

/* typical: a service with leaks; every wait kind once. */
struct snapshot *sample_typical(void);
/* Names with quotes, newlines, ESC, broken UTF-8, bidi controls, and 4 KiB of them. */
struct snapshot *sample_hostile(void);
/* The same with a search for leaks: by passes, and by a stop. */
struct snapshot *sample_leaky(void);
struct snapshot *sample_proven(void);
struct snapshot *sample_empty(void);
struct snapshot *sample_one_group(void);
/* Every number as large as it can be, many groups. */
struct snapshot *sample_huge(void);

/* By name ("typical", ...); NULL when there is none. */
struct snapshot *sample_named(const char *name);
extern const char *const sample_names[];	/* ends with NULL */
