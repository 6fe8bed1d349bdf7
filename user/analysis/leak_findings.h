/* SPDX-License-Identifier: Apache-2.0 */
/* What is said of leaked goroutines: the sentences of a finding. Pure. */
#pragma once

#include "analysis/leak_pattern.h"
#include "model/snapshot.h"

/* Leaked goroutines of one site, pattern and grade, whatever their labels. */
struct leak_tally {
	const struct leak_pattern *pattern;
	enum verdict grade;
	bool explained;		/* it is main's own wait: nothing is wrong */
	bool stuck;		/* not leaked: a lock is not released for too long */
	uint32_t group;		/* the largest of theirs, which stands for all */
	uint64_t count, stack_bytes, heap_bytes;
	int64_t wait_ns;	/* the longest; WAIT_UNKNOWN */
};

/* Fills *ret, with its strings in the snapshot's arena; snapshot.leaks is there. -ENOMEM. */
int leak_finding(struct snapshot *s, const struct leak_tally *t, struct finding *ret);
