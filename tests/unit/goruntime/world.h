/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Go 1.26 process in an array: a pc table of a few functions and one goroutine in each kind of
 * wait, every record pointing to every other as the runtime would have it. Unit tests look at it
 * as it is; the fuzz target breaks it first.
 */
#pragma once

#include <stdint.h>

#include "goruntime/goruntime.h"

#define WORLD_BASE 0x100000ull
#define WORLD_SIZE 0x10000u
#define WORLD_TEXT 0x500000ull

/* One goroutine each, ids from 1 in this order. */
enum world_g {
	WORLD_CHAN_RECV,	/* on a chan int of cap 2 */
	WORLD_CHAN_SEND,	/* on another, twice: the next one too */
	WORLD_CHAN_SEND_TOO,
	WORLD_SELECT,		/* receives from the first, sends to a third; labelled */
	WORLD_MUTEX,
	WORLD_RWMUTEX,
	WORLD_WAITGROUP,
	WORLD_COND,
	WORLD_FD,		/* reads fd 7, with a deadline */
	WORLD_SLEEP,
	WORLD_NIL_CHAN,
	WORLD_RUNNING,
	WORLD_DEAD,
	WORLD_GOROUTINES
};

struct world {
	uint8_t bytes[WORLD_SIZE];
	struct mem *mem;
	struct arena *arena;
	struct go_runtime rt;
	uint64_t g[WORLD_GOROUTINES];	/* addresses of the g structs */
	uint64_t chan[3], mutex, rwmutex, waitgroup, cond;
};

#define WORLD_NOW 1000000000000ll

/* Writes the bytes. The layout is that of the table's Go 1.26. */
void world_build(struct world *w);
/* Opens memory, pc table and runtime over the bytes as they are now. 0, or pclntab_open()'s. */
int world_open(struct world *w);
void world_close(struct world *w);

/* The entry of one of its functions; 0 for a name that it does not have. */
uint64_t world_function(const char *name);
