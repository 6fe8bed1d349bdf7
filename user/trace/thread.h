/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Births and exits of a process's threads. Costs nothing between them and may be left on.
 */
#pragma once

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "model/traced_thread.h"

struct pace_collector;
struct thread_trace;
struct trace_target;

/* Loads; nothing is traced yet. -EPERM, -EOPNOTSUPP with the sentence, -ENOMEM. */
int thread_trace_open(const struct trace_target *t, struct thread_trace **ret, struct diag *d);
void thread_trace_close(struct thread_trace *t);
DEFINE_CLEANUP(struct thread_trace, thread_trace_close)

/* -EPERM, -EOPNOTSUPP. */
int thread_trace_arm(struct thread_trace *t, struct diag *d);
void thread_trace_disarm(struct thread_trace *t);

/*
 * From now on, and until it is said again, the next n births alone are followed: they have a site, a
 * sample, a lifetime and events. The others are counted. Else all are.
 */
void thread_trace_follow(struct thread_trace *t, unsigned int n);

/* What pace_add() wants: it is on for good, and what it costs is accounted for. */
void thread_trace_pace(struct thread_trace *t, struct pace_collector *ret);

/*
 * What happened since the last call, into the arena. The counts are taken after the sites: what
 * happens in between is in the site of the next call. 0 or -errno.
 */
int thread_trace_collect(struct thread_trace *t, struct arena *a, struct traced_thread *ret);
