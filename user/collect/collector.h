/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One collector on one process, as collect/tracing.c runs it: a row of functions each, so that a
 * refusal costs one of them and no more. To add one: a file here, a row in tracing.c.
 */
#pragma once

#include "base/arena.h"
#include "base/diag.h"
#include "model/activity.h"

struct calibration;
struct elf_image;
struct go_runtime;
struct mem;
struct modules;
struct pace_collector;
struct process;
struct trace_target;

/* The process; all of it outlives the collector. */
struct collector_source {
	const struct process *process;
	struct mem *live;
	struct modules *modules;	/* shared; read again before each look */
	const struct trace_target *target;	/* with what is known of its Go runtime */
	struct go_runtime *rt;		/* NULL: not Go */
	struct elf_image *elf;		/* that holds the runtime; NULL */
	const struct calibration *calibration;	/* NULL for those without probes, at times */
	double budget_percent;	/* of all collectors, as for pace_open(); 0: there is none */
	double floor_cores;
};

/* The interval that is looked at. */
struct collector_span {
	double span_s;		/* since the look before, or the open */
	double seen;		/* share of it in which this collector was on */
	struct arena *arena;	/* of what is returned */
};

struct collector_ops {
	enum collector which;
	bool probes;	/* sets uprobes: not opened where their cost could not be measured */
	/*
	 * Loads; arms what is always on. 0, with a sentence in d when a part of it is refused.
	 * -EPERM, -EOPNOTSUPP refused, -ENODATA not for such a process, all with the sentence: it
	 * costs this collector alone. -ESRCH, -ENOMEM.
	 */
	int (*open)(const struct collector_source *src, void **ret, struct diag *d);
	void (*close)(void *collector);
	/* What pace_add() wants; false: it costs next to nothing, and is always on. */
	bool (*paced)(void *collector, struct pace_collector *ret);
	/* Beside that, what it has on for good and at a price; NULL: nothing. */
	void (*steady)(void *collector, struct pace_collector *ret);
	/*
	 * Fills its part of *ret, and adds to its collectors[which].lost. Runs while its bursts go
	 * on. A failure leaves this look without it. 0 or -errno.
	 */
	int (*look)(void *collector, const struct collector_span *span, struct activity *ret,
		    struct diag *d);
	/* What it has found so far, in `a` or its own until the next look; NULL: it finds nothing. */
	int (*findings)(void *collector, const struct activity *now, struct arena *a,
			const struct finding **ret, uint32_t *n);
};
