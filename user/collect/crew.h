/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Work that may never come to its end (a read of memory whose pages come from a dead server) is
 * done by a thread of its own, and waited for only so long: then it is left to itself, and the
 * next piece of work gets another thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"

struct crew;

/* Threads that may be left to themselves at one time; beyond them nothing is begun. */
#define CREW_LOST 16

/* NULL when memory is short. */
struct crew *crew_new(void);
/*
 * Waits a moment for those that were left. False: some still work, on what they were given; it must
 * outlive them, and so does the crew.
 */
bool crew_free(struct crew *c);

/*
 * Calls work(arg) on another thread. *busy, which is arg's, is true from here until it has
 * returned: nobody else may touch arg for that time. *cpu_ms gets what it used. 0 it has returned; -ETIMEDOUT
 * it goes on, and *busy is to be asked by crew_busy(); -EAGAIN no thread, -EBUSY too many are lost.
 */
int crew_run(struct crew *c, void (*work)(void *arg), void *arg, bool *busy, double limit_s,
	     double *cpu_ms);
bool crew_busy(const bool *busy);
size_t crew_lost(struct crew *c);
