/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process that starts cells, reaps them, and kills those that take too long. It is forked
 * before the daemon has threads or gives up what it may do, keeps to itself, and never sees a byte
 * of a target or of the network. Over it stands a keeper, which makes a new one when it dies. Each
 * dies with the one above it: no cell outlives the daemon, whatever kills it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/diag.h"
#include "daemon/cell_request.h"

struct foreman_options {
	struct cell_limits most;	/* that any request is given; 0: no bound but the default */
	uint32_t max_prove_ms;		/* that any target may be stopped; 0: none may be */
	uint32_t max_cells;		/* at once, those that hang included; 0: FOREMAN_CELLS */
	/* What runs in a cell: cell_run(). Tests have their own. Its exit code. */
	int (*run)(const struct cell_request *q, int out);
};

enum { FOREMAN_CELLS = 8, FOREMAN_CELLS_MAX = 64 };

/* One datagram; the writing end of a pipe comes with it. */
struct foreman_order {
	uint64_t id;
	struct cell_request request;
};

enum foreman_tells {
	FOREMAN_HELLO = 1,	/* a new one: of the last one's cells none is left; pid its own */
	FOREMAN_STARTED,	/* pid of the cell */
	/* code: -EBUSY no place, -EDEADLK one hangs on this process, -EPERM stopping; of fork() */
	FOREMAN_REFUSED,
	FOREMAN_ENDED,		/* code: exit code, or sig: what killed it */
	FOREMAN_KILLED,		/* at its deadline; it may hang in the kernel still */
};

struct foreman_news {
	uint64_t id;
	uint32_t tells;		/* enum foreman_tells */
	int32_t pid, code, sig;
	uint32_t hanging;	/* cells that were killed and are there still */
};

struct foreman {
	pid_t keeper;
	int fd;			/* does not block; to be polled for reading */
};

/*
 * To be called by the main thread, before there is any other: all end when that thread does. 0;
 * -EAGAIN, -ENOMEM and the other errors of fork() and socketpair().
 */
int foreman_start(const struct foreman_options *o, struct foreman *ret, struct diag *d);
/* Ends all of it, cells included. */
void foreman_stop(struct foreman *f);

/* Sends an order; out_fd stays the caller's. -EAGAIN its box is full, -EPIPE there is none. */
int foreman_order(const struct foreman *f, const struct foreman_order *o, int out_fd);
/* 1 news, 0 none now, -EPIPE there is none any more. */
int foreman_news(const struct foreman *f, struct foreman_news *ret);
