/* SPDX-License-Identifier: Apache-2.0 */
/* The oncpu collector on one process, with names, interval by interval. */
#pragma once

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "model/oncpu.h"

struct collector_ops;
struct collector_source;
struct oncpu_watch;

/*
 * Samples from now on. busy_min_s: BUSY_MIN_S (analysis/busy.h). -EPERM, -EOPNOTSUPP with the
 * sentence; -ESRCH, -ENOMEM.
 */
int oncpu_watch_open(const struct collector_source *src, double busy_min_s,
		     struct oncpu_watch **ret, struct diag *d);
void oncpu_watch_close(struct oncpu_watch *w);
DEFINE_CLEANUP(struct oncpu_watch, oncpu_watch_close)

/* What was sampled in the span_s seconds since the last call, or the open. 0 or -errno. */
int oncpu_watch_look(struct oncpu_watch *w, double span_s, struct arena *a,
		     struct oncpu_look *ret);

extern const struct collector_ops oncpu_watch_collector;
