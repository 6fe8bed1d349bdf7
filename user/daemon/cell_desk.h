/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The desk at which cells are asked for: by HTTP, through a struct cell_port, and by the node,
 * which wants a process that grows looked at more closely. Answers come by cell_desk_dispatch().
 */
#pragma once

#include <stdint.h>

#include "base/cleanup.h"
#include "base/diag.h"
#include "daemon/cell_port.h"

struct cell_desk;
struct config;
struct examined;
struct past;
struct node_self;

/*
 * Forks the foreman: by the main thread before there is any other. The configuration is not kept;
 * past, which goes into pages, is borrowed. Errors of cells_open().
 */
int cell_desk_open(const struct config *c, struct past *past, struct cell_desk **ret,
		   struct diag *d);
/* All who wait are told so. Accepts NULL. */
void cell_desk_close(struct cell_desk *desk);
DEFINE_CLEANUP(struct cell_desk, cell_desk_close)

/* To be polled; when readable, dispatch. -EPIPE: there are no cells any more, nor will there be. */
int cell_desk_fd(const struct cell_desk *desk);
int cell_desk_dispatch(struct cell_desk *desk);

struct cell_port cell_desk_port(struct cell_desk *desk);

/*
 * Who gets what cell_desk_examine() asked for: e is the callee's, NULL it came to nothing. Called
 * by whoever dispatches or closes. Set before the first is asked for.
 */
void cell_desk_tell(struct cell_desk *desk,
		    void (*told)(void *arg, int pid, uint64_t start_time, struct examined *e),
		    void *arg);
/* As node_args.examine has it; desk is a struct cell_desk. Any thread. */
int cell_desk_examine(void *desk, int pid, uint64_t start_time, const char *reason);

/* Fills cells_run, cells_failed and cells_killed. Any thread. */
void cell_desk_count(struct cell_desk *desk, struct node_self *ret);
