/* SPDX-License-Identifier: Apache-2.0 */
/* Many processes, a line each: the text of `loiter snapshot --all`. */
#pragma once

#include <stdio.h>

#include "model/snapshot.h"

struct report_options;

struct summary_process {
	int pid;
	const char *name, *go_version;	/* "shop-api", "1.24.9"; NULL unknown */
	uint64_t goroutines;
	uint64_t findings;	/* suspect or worse */
	enum verdict worst;	/* of these; VERDICT_UNKNOWN without */
	uint64_t largest;	/* goroutines in the largest group; 0 none */
	const char *wait;	/* its wait reason, or its state */
	struct frame site;	/* where it waits; function NULL and pc 0: unknown */
};

/* A Go process, or one that may be, which could not be read. */
struct summary_miss {
	int pid;
	const char *name, *why;
};

struct summary {
	struct arena *arena;	/* owns all below */
	struct summary_process *processes;
	struct summary_miss *misses;
	size_t n, n_misses;
	uint64_t denied;	/* processes, Go or not, that we may not look at */
};

/* Copies what the line needs. -ENOMEM. */
int summary_add(struct summary *sum, const struct snapshot *s);
int summary_add_miss(struct summary *sum, int pid, const char *name, const char *why);

/* Sorts the processes: worst verdict first, then most goroutines. 0 or -EIO, as report.h says. */
int report_summary(struct summary *sum, FILE *out, const struct report_options *o);
