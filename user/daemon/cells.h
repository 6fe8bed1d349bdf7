/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon's side of cells: asks the foreman for one, reads its answer, and says how it ended.
 * Nothing here waits for a target. cells_start() may be called by any thread; answers are told by
 * the one that calls cells_dispatch().
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "daemon/cell_request.h"
#include "daemon/foreman.h"

struct cells;

struct cells_options {
	struct foreman_options foreman;
	uint32_t max_waiting;	/* that have no place yet; 0: CELLS_WAITING */
};

enum { CELLS_WAITING = 64 };

/*
 * How it ended. 0: bytes, of malloc(), are the callee's. Else a negative errno with the reason, and
 * bytes is NULL: those of snapshot_process(), or
 *  -ETIMEDOUT	killed at its deadline, or of the daemon's own patience
 *  -EPROTO	it died: of what, is the reason
 *  -EBUSY	all places are taken
 *  -EDEADLK	a cell that hangs on this very process has not ended yet
 *  -E2BIG	the answer is longer than it may be
 *  -EIO	the foreman died with it, or is gone: it may be asked again
 *  -ECANCELED	cells_close()
 * d is borrowed and never NULL. No lock is held: it may call cells_start().
 */
typedef void cells_done(void *arg, int err, const struct diag *d, char *bytes, size_t len);

/*
 * Forks the foreman: to be called by the main thread before there is any other, and before it gives
 * anything up. Errors of foreman_start(), -ENOMEM.
 */
int cells_open(const struct cells_options *o, struct cells **ret, struct diag *d);
/* Ends all of them; whoever waits is told so. Accepts NULL. */
void cells_close(struct cells *c);

/* Readable when cells_dispatch() has something to do; borrowed. */
int cells_poll_fd(const struct cells *c);
/* Does not wait. 0; -EPIPE: there is no foreman, nor will there be one: the daemon should end. */
int cells_dispatch(struct cells *c);

/*
 * 0: done is called once, by cells_dispatch() or cells_close(). Negative: never. -EBUSY too many
 * are waiting already, -EPERM it may not be stopped for so long, -EPIPE no foreman, -ENOMEM.
 */
int cells_start(struct cells *c, const struct cell_request *q, cells_done *done, void *arg,
		struct diag *d);

struct cells_counts {
	uint64_t run;		/* that gave an answer, or an error of their own */
	uint64_t failed;	/* that died, or told nonsense */
	uint64_t killed;	/* at the deadline */
	uint64_t refused;	/* that had no place */
	uint64_t foremen_lost;
	uint32_t running, waiting;
	uint32_t hanging;	/* killed and there still: they wait in the kernel */
};
void cells_counts(struct cells *c, struct cells_counts *ret);
