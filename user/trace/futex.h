/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Long sleeps in futexes: where threads leave and enter the CPU, so that only calls that block
 * cost anything, and with the stacks of both sides. It costs some 0.4 us a sleep, so it is on in
 * bursts where sleeps are many.
 *
 * A wait is told when it ends while it is armed. One that began before, or that went on while it
 * was not, is told as well: with its whole length where its beginning was seen, else with that
 * since it was first found asleep. What ends while nothing is armed is not told.
 */
#pragma once

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "model/traced_futex.h"

struct futex_trace;
struct pace_collector;
struct trace_target;

/* What is worth a line: shorter waits are what locks are for. */
#define FUTEX_THRESHOLD_NS 100000000ull

/*
 * Loads for one process or, with t NULL, for all but our own; nothing is traced yet. Waits that
 * take threshold_ns or more are told. -EPERM, -EOPNOTSUPP with the sentence, -ENOMEM.
 */
int futex_trace_open(const struct trace_target *t, uint64_t threshold_ns,
		     struct futex_trace **ret, struct diag *d);
void futex_trace_close(struct futex_trace *f);
DEFINE_CLEANUP(struct futex_trace, futex_trace_close)

/* Both may be called by another thread than the rest. Arming looks for those that sleep already. */
int futex_trace_arm(struct futex_trace *f, struct diag *d);
void futex_trace_disarm(struct futex_trace *f);

/*
 * The waits that ended since the last call, and the threads that sleep now, into the arena. Works
 * for the latter without being armed. 0 or -errno.
 */
int futex_trace_collect(struct futex_trace *f, struct arena *a, struct traced_futex *ret);

/* For pace_add(): hits are the target's switches and wakes, and what one costs is measured. */
void futex_trace_collector(struct futex_trace *f, struct pace_collector *ret);
