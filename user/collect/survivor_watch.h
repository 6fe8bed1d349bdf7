/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hardware watchpoints on a few survivors at a time, in turn: of each site of C allocations that may
 * leak some are watched, chosen at random, and what came of it goes into the book. There are as many
 * at a time as the budget allows, for each is set anew whenever a thread is put on a processor.
 */
#pragma once

#include <stdint.h>

#include "base/cleanup.h"

struct collector_source;
struct malloc_book;
struct mallocs_trace;
struct pace_collector;
struct survivor_watch;

/*
 * All is borrowed; nothing is watched yet. What it may cost is a part of src's budget, if there is
 * one. NULL when memory is short.
 */
struct survivor_watch *survivor_watch_new(const struct collector_source *src,
					  struct malloc_book *book, struct mallocs_trace *trace);
void survivor_watch_free(struct survivor_watch *s);
DEFINE_CLEANUP(struct survivor_watch, survivor_watch_free)

/* Ends what is over and begins what there is room for. -ESRCH, -ENOMEM. */
int survivor_watch_look(struct survivor_watch *s);

/* What it costs, as an account of trace/pace.h. */
void survivor_watch_pace(struct survivor_watch *s, struct pace_collector *ret);

/* Why survivors cannot be watched, at the last look; NULL: they can. */
const char *survivor_watch_refused(const struct survivor_watch *s);
