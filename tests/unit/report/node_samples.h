/* SPDX-License-Identifier: Apache-2.0 */
/* Looks at a node made of literals, one for each thing that a page of it must get right. */
#pragma once

#include "model/node.h"
#include "model/node_self.h"
#include "samples.h"

struct node_sample {
	struct snapshot *owner;		/* whose arena holds all of it: snapshot_free() it */
	struct node_look look;
	struct node_self self;
};

/*
 * "typical": four processes with findings, a hundred without; "calm": nothing wrong; "empty": no
 * process at all; "hostile": every name of sample_hostile() and one of 10,000 characters; "huge":
 * every number as large as it can be. Owner NULL: there is no such one.
 */
struct node_sample node_sample_named(const char *name);
