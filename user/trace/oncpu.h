/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Samples what a process does on the CPUs, 49 times a second each (an odd rate, so as not to beat
 * with the timers of programs). Costs the target next to nothing and may be left on.
 */
#pragma once

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "model/traced_oncpu.h"

struct oncpu_trace;
struct trace_target;

/* Loads; nothing is sampled yet. -EPERM, -EOPNOTSUPP with the sentence, -ENOMEM. */
int oncpu_trace_open(const struct trace_target *t, struct oncpu_trace **ret, struct diag *d);
void oncpu_trace_close(struct oncpu_trace *o);
DEFINE_CLEANUP(struct oncpu_trace, oncpu_trace_close)

/* Starts sampling on every CPU that is online now. -EPERM, -EOPNOTSUPP, -EMFILE. */
int oncpu_trace_arm(struct oncpu_trace *o, struct diag *d);
void oncpu_trace_disarm(struct oncpu_trace *o);

/* What was sampled since the last call, into the arena. 0 or -errno. */
int oncpu_trace_collect(struct oncpu_trace *o, struct arena *a, struct traced_oncpu *ret);
