/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Equal asks share one look: who asks while an equal ask is on its way joins it, and all get the
 * same bytes. Nobody waits in a thread: each is told when it has landed. Nothing is kept beyond
 * that, for the next one wants to know how it is then. Any thread may call.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/diag.h"
#include "daemon/cell_port.h"

struct single_flight;

/* What landed; shared by all who waited, and freed by each. */
struct landing {
	int err;		/* 0, or why there are no bytes: a negative errno */
	struct diag diag;
	char *bytes;
	size_t len;
	struct single_flight *of;
	unsigned int holders;
};
/* Accepts NULL. */
void landing_free(struct landing *l);
DEFINE_CLEANUP(struct landing, landing_free)

/* Somebody who waits; embedded in what is theirs, which must live until told() or leave(). */
struct flight_waiter {
	struct flight_waiter *next;
	struct shared_flight *flight;	/* NULL: waits no more */
	/* The landing is the callee's; NULL: memory was short. Never called with a lock held. */
	void (*told)(struct flight_waiter *w, struct landing *l);
};

struct single_flight_limits {
	uint32_t flights;	/* different asks on their way at one time */
	uint64_t bytes;		/* of landings that are still held; beyond it nothing starts */
};

/* Asks port, which must live until its last `done`. NULL when memory is short. */
struct single_flight *single_flight_new(const struct cell_port *port,
					const struct single_flight_limits *limits);
/*
 * All who wait are told -ESHUTDOWN, and whoever asks from now on is refused so. What the port still
 * works at may land later.
 */
void single_flight_shut(struct single_flight *s);
/* Shuts it; memory goes with the last flight and the last landing. Accepts NULL. */
void single_flight_free(struct single_flight *s);
DEFINE_CLEANUP(struct single_flight, single_flight_free)

/*
 * 0: w->told() is called exactly once, from any thread, perhaps before this returns. Negative:
 * never. -EBUSY too much is on its way or still held; -ESHUTDOWN; -ENOMEM. A start that the port
 * refuses is a landing, with its errno.
 */
int single_flight_join(struct single_flight *s, const struct ask *ask, struct flight_waiter *w,
		       struct diag *d);
/* True: w waits no more, and is not told. False: it has been told, or is just being. */
bool single_flight_leave(struct single_flight *s, struct flight_waiter *w);
