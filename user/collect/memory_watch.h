/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one process asks of the kernel's memory over time: sites with C and Go stacks, who keeps
 * what was mapped, and what RSS climbs by. The allocator's half is heap_watch.
 */
#pragma once

#include "base/cleanup.h"
#include "base/diag.h"
#include "model/activity.h"

struct collector_ops;
struct collector_source;
struct collector_span;
struct memory_watch;
struct pace_collector;

/*
 * Loads; nothing is traced until it is armed (memory_watch_pace()). -EPERM, -EOPNOTSUPP with the
 * sentence, -ESRCH, -ENOMEM.
 */
int memory_watch_open(const struct collector_source *src, struct memory_watch **ret,
		      struct diag *d);
void memory_watch_close(struct memory_watch *w);
DEFINE_CLEANUP(struct memory_watch, memory_watch_close)

void memory_watch_pace(struct memory_watch *w, struct pace_collector *ret);

/*
 * *lost: calls of which less is known than should be. What *ret points to stands until the next
 * look, in span's arena. -ESRCH, -ENOMEM.
 */
int memory_watch_look(struct memory_watch *w, const struct collector_span *span,
		      const struct memory_activity **ret, uint64_t *lost, struct diag *d);

/* Of the last look. -ENOMEM. */
int memory_watch_findings(struct memory_watch *w, struct arena *a, const struct finding **ret,
			  uint32_t *n);

extern const struct collector_ops memory_watch_collector;
