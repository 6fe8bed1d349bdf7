/* SPDX-License-Identifier: Apache-2.0 */
/* One request to a cell, from when it was asked to when its end is told. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "daemon/cell_answer.h"
#include "daemon/cells.h"

struct flight {
	struct flight *next;
	uint64_t id;
	struct cell_request request;
	cells_done *done;
	void *done_arg;
	int pipe;		/* our end; -1: no cell has been asked for yet */
	struct cell_answer answer;
	uint64_t patience_ns;	/* CLOCK_MONOTONIC: when we stop to wait for the foreman's word */
	uint64_t foreman;	/* which one has it, or was asked */
	bool started;		/* it has a cell */
	bool read_all;		/* the other end of the pipe is closed */
	bool ended;		/* the foreman said how: */
	int code, sig;
	bool finished;		/* err and why are there, and the answer where err is 0 */
	bool by_us;		/* err is not the cell's own */
	int err;
	struct diag why;
	char *bytes;
	size_t len;
};

struct flight *flight_new(const struct cell_request *q, cells_done *done, void *arg);
/* Closes and frees what is not told. Accepts NULL. */
void flight_free(struct flight *f);

/* Reads what there is. */
void flight_read(struct flight *f);
/* When all that will be known is known: true, and err is set. foreman: the present one. */
bool flight_settle(struct flight *f, uint64_t foreman);
/* Ends it with that. */
void flight_fail(struct flight *f, int err, const char *why, ...)
	__attribute__((format(printf, 3, 4)));
/* Calls done, and frees it. */
void flight_tell(struct flight *f);
