/* SPDX-License-Identifier: Apache-2.0 */
/* The forms that are asked for often: rendered once a look, and pinned up for whoever comes. */
#pragma once

#include "base/diag.h"
#include "model/node.h"
#include "model/node_self.h"

struct board;
struct config;

/*
 * Renders all of them. One that fails leaves the body before it, and the others are rendered all the
 * same: the first failure, -ENOMEM or -EIO, with the name in diag.
 */
int bodies_publish(struct board *b, const struct config *c, const struct node_look *look,
		   const struct node_self *self, struct diag *d);
