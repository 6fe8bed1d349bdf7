/* SPDX-License-Identifier: Apache-2.0 */
/* What is said of a subject besides its goroutines. Strings go into the arena. */
#pragma once

#include "base/arena.h"
#include "collect/subject.h"
#include "model/snapshot.h"

/* What the file says, of a process or a core; after subject_find_go(). */
void describe_binary(struct subject *subject, struct process_info *p, struct arena *a);

/* What /proc says now; facts too. -ESRCH, -ENOMEM. */
int describe_process(struct subject *subject, struct process_info *p, struct arena *a,
		     struct process_facts *facts);

/* The target's nanotime(), which runs on its own CLOCK_MONOTONIC. */
int64_t describe_nanotime(const struct process_facts *f);
