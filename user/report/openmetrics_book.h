/* SPDX-License-Identifier: Apache-2.0 */
/* What is remembered from look to look. Inside of openmetrics.h. */
#pragma once

#include "report/openmetrics.h"
#include "report/openmetrics_target.h"

/* That go on for as long as a target has its name. */
enum target_counter {
	COUNT_STARTS,
	COUNT_RESTARTS,
	COUNT_EXITS,
	COUNT_EXECS,
	COUNT_LOOKS,
	COUNT_LOOKS_FAILED,
	COUNT_LOOKS_MISSED,
	COUNT_LOST_EVENTS,
	COUNT_LONG_WAITS,
	TARGET_COUNTERS
};

/* As labels, in this order; each as metric_clean() has it, "" when there is none. */
enum target_label { LABEL_POD, LABEL_CONTAINER, LABEL_UNIT, LABEL_EXE, TARGET_NAME_LABELS };

struct book_target {
	char *label[TARGET_NAME_LABELS];	/* [LABEL_EXE] NULL: this place is free */
	uint64_t hash;		/* of them */
	uint64_t serial;	/* of this name in this place: no other one has it */
	uint64_t count[TARGET_COUNTERS];
	uint64_t unmatched;	/* ends that no start has followed yet: the next one is a restart */
	bool watched;		/* ever: what is counted of it is a fact */
	double seen_s;		/* of the look that had it last */
	uint32_t rank;		/* in the last look, worst first; BOOK_ABSENT */
	bool worse;		/* in the last look */
	struct target *now;	/* of the last look; NULL: no process has its name */
};

#define BOOK_ABSENT UINT32_MAX
/* The place of all that have no place of their own. */
enum { BOOK_OTHER = 0 };

struct book_process;

struct openmetrics_book {
	struct book_target *targets;	/* n, BOOK_OTHER first */
	uint32_t n;
	struct book_process *processes;	/* n_processes of the last look, by pid and start */
	uint32_t n_processes;
	struct arena *arena;	/* of the last look's targets; NULL: there was none yet */
	uint64_t serials;	/* given out */
	uint64_t looks;
	struct node_look look;	/* the last one's numbers; no pointer of it may be followed */
	uint32_t folded;	/* processes of the last look that wanted a place and had none */
	/* Of all looks. */
	uint64_t began, ended, blind;
	double cpu_s;
};
