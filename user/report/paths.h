/* SPDX-License-Identifier: Apache-2.0 */
/* The user groups' stacks from the root on, in the order that puts equal beginnings together. */
#pragma once

#include <stdio.h>

#include "model/snapshot.h"

struct paths {
	const struct group **groups;
	uint32_t n;
};

/* -ENOMEM. */
int paths_sort(const struct snapshot *s, struct paths *ret);
void paths_done(struct paths *p);

/* Frames of a path: 1 at least, for a group without a stack has one that says so. */
uint32_t paths_depth(const struct group *g);
/* The frame at depth i, the root being 0. */
const struct frame *paths_frame(const struct group *g, uint32_t i);
/* How many frames from the root on are the same function. */
uint32_t paths_common(const struct group *a, const struct group *b);
