/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The thread that looks at the node, again and again, and pins up what it saw. It says beforehand
 * by when it will be heard of again; whoever feeds a watchdog asks whether it has kept its word.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/diag.h"

struct config;
struct counts;
struct examined;
struct looker;
struct services;

/*
 * The configuration is held, services and counts are borrowed. Nothing runs yet. -ENOMEM, -ENOENT
 * no such cgroup, -errno. patience_s: a look may take so long, and be so late.
 */
int looker_open(struct config *c, struct services *s, struct counts *counts, double patience_s,
		struct looker **ret, struct diag *d);

/* Begins. -EAGAIN no thread. */
int looker_start(struct looker *l);

/* Looks by that one from now on; it is held. */
void looker_apply(struct looker *l, struct config *c);

/*
 * Asks it to end, and waits for so long. False: it is in a look that does not end; then it, and all
 * that it has borrowed, must stay.
 */
bool looker_stop(struct looker *l, double wait_s);

/* Accepts NULL. It must have stopped, or never have started. */
void looker_close(struct looker *l);
DEFINE_CLEANUP(struct looker, looker_close)

/* As cell_desk_tell() wants it: what a closer look at a process has found. l is a struct looker. */
void looker_examined(void *l, int pid, uint64_t start_time, struct examined *e);

/* Readable after each look; to be read by looker_news(). */
int looker_fd(const struct looker *l);

struct looker_news {
	uint64_t looks;		/* that succeeded; of the last one: */
	uint32_t processes, go, worse, stuck;
	uint64_t failed;	/* looks that did not */
};
void looker_news(struct looker *l, struct looker_news *ret);

/* Has it kept its word until now? */
bool looker_alive(const struct looker *l);
