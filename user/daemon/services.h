/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the daemon gives away and to whom: cells for those who ask of one process, HTTP, and an OTLP
 * collector. Opened by what the configuration says at the start, closed in the reverse order.
 */
#pragma once

#include "base/cleanup.h"
#include "base/diag.h"
#include "daemon/bodies.h"
#include "daemon/cell_desk.h"

struct config;
struct counts;
struct node_look;
struct node_self;
struct services;

/*
 * Forks what has to be forked while there is one thread and everything may be done. The board is
 * borrowed. Errors of cells_open(), -ENOMEM.
 */
int services_new(const struct config *c, struct services **ret, struct diag *d);

/*
 * Listens, and connects. stale_s: without a look for so long, health is bad. -EINVAL, -EADDRINUSE,
 * -EACCES, -ENOMEM, -errno with the reason.
 */
int services_open(struct services *s, const struct config *c, double stale_s, struct diag *d);

/* Nobody is served any more, and who waits is told so; cells are there still. */
void services_shut(struct services *s);
/* Ends the rest. Accepts NULL. */
void services_free(struct services *s);
DEFINE_CLEANUP(struct services, services_free)

struct cell_desk *services_desk(struct services *s);
/* For the look thread: */
const struct bodies *services_bodies(const struct services *s);
/* What is kept of looks is of this one now: before bodies are made of it. -ENOMEM. */
int services_add(struct services *s, const struct node_look *look);
/* And what goes to others goes. interval_s: at most so often. */
void services_send(struct services *s, double interval_s, const struct node_look *look,
		   const struct node_self *self);
/* What each of them counts. Any thread. */
void services_count(struct services *s, struct node_self *ret);
/* Tokens and the like are read again; upon an error what was read before stands. */
int services_reload(struct services *s, struct diag *d);
