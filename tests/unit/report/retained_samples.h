/* SPDX-License-Identifier: Apache-2.0 */
/* Who holds the heap, made of literals, for the samples of samples.h. */
#pragma once

struct arena;
struct retained;

const struct retained *sample_retained_typical(void);
/* name: as everything that the target says. */
const struct retained *sample_retained_hostile(struct arena *a, const char *name);
