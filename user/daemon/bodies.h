/* SPDX-License-Identifier: Apache-2.0 */
/* The forms that are asked for often: rendered once a look, and pinned up for whoever comes. */
#pragma once

#include <stdbool.h>

#include "base/diag.h"
#include "model/node.h"
#include "model/node_self.h"

struct board;
struct config;
struct openmetrics_book;

/* What they are made of besides the look; all borrowed. */
struct bodies {
	struct board *board;
	struct openmetrics_book *book;	/* with the look in it already */
	const char *address;		/* where scrapers reach us: "10.0.0.7:9646" */
	bool tls;			/* by TLS */
};

/*
 * Renders all of them. One that fails leaves the body before it, and the others are rendered all
 * the same: the first failure, -ENOMEM or -EIO, with the name in diag.
 */
int bodies_publish(const struct bodies *b, const struct config *c, const struct node_look *look,
		   const struct node_self *self, struct diag *d);
