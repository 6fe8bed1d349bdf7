/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the daemon has ready to hand out: finished bytes by name. Who looks at the node pins them
 * up, who serves takes what hangs there; neither ever waits for the other. Any thread may call.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

/* Names that a board has room for: they are ours, not a target's. */
enum { BOARD_NAMES = 16 };

/* Immutable once it is published, and shared: whoever holds it frees it, the last one in fact. */
struct body {
	const char *type;	/* of its content, as HTTP names it; a literal */
	const char *bytes;	/* a NUL follows that is not counted */
	size_t len;
	uint64_t number;	/* of publishings of its name, from 1 */
	double time_s;		/* CLOCK_MONOTONIC, when it was published */
	unsigned int holders;	/* the board's business */
};

struct board;

/* NULL when memory is short. */
struct board *board_new(void);
/* Bodies that are held stay. Accepts NULL. */
void board_free(struct board *b);
DEFINE_CLEANUP(struct board, board_free)

/*
 * Takes bytes, of malloc() and with a NUL behind them, also when it fails; the body before it goes
 * as soon as nobody holds it. name and type are literals. -ENOMEM; -ENOSPC too many names.
 */
int board_publish(struct board *b, const char *name, const char *type, char *bytes, size_t len);

/* The newest body of that name, to be freed by body_free(); NULL: none yet. */
struct body *board_get(struct board *b, const char *name);

/* Accepts NULL. */
void body_free(struct body *body);
DEFINE_CLEANUP(struct body, body_free)
