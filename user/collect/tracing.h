/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All collectors of one process, inside one budget. A collector that is refused is no error: what
 * it would have shown is missing, and why stands in its report.
 */
#pragma once

#include "base/cleanup.h"
#include "base/diag.h"
#include "model/activity.h"
#include "trace/calibrate.h"

struct elf_image;
struct go_runtime;
struct mem;
struct process;
struct tracing;

struct tracing_args {
	unsigned int collectors;	/* 1u << enum collector */
	/* Of the target's CPU, loiter's own for it included. 0: load, and trace nothing. */
	double budget_percent;
	/* What a probe costs here; measured by the first tracing_open(). Zero at first. */
	struct calibration calibration;
	bool calibrated;
	int uncalibrated;		/* errno of that, with */
	struct diag why;
	bool (*stop)(void);		/* asked while programs are loaded; NULL: never */
};

/*
 * All is borrowed, and outlives the tracing. rt and elf: NULL for a process that is not Go.
 * -EPERM, -EOPNOTSUPP: no collector can be had; -ECANCELED by args->stop(); -ESRCH, -ENOMEM.
 */
int tracing_open(const struct process *p, struct mem *live, struct go_runtime *rt,
		 struct elf_image *elf, struct tracing_args *args, struct tracing **ret,
		 struct diag *d);
/* Takes all probes off first. */
void tracing_close(struct tracing *t);
DEFINE_CLEANUP(struct tracing, tracing_close)

/* Does at least a part of it run? Why it, or a part of it, does not; NULL: all of it runs. */
bool tracing_runs(const struct tracing *t, enum collector which);
const struct diag *tracing_refused(const struct tracing *t, enum collector which);

/* What it all cost, since the open. */
struct tracing_cost {
	double target_s;	/* CPU time of the target that went into traps and programs */
	double used_s;		/* CPU time of the target, that included */
	double budget_cores;	/* of the last interval */
};

/* What was found by the last look that could be had; also when the process is gone. */
void tracing_findings(const struct tracing *t, const struct finding **ret, uint32_t *n);

/*
 * What happened since the last call. own_share: of loiter's CPU time, the part that went into this
 * process. *ret is the tracing's, until the next call. -ESRCH, -ENOMEM. Not without a budget.
 */
int tracing_look(struct tracing *t, double own_share, const struct activity **ret,
		 struct tracing_cost *cost, struct diag *d);
