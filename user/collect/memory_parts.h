/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a process's memory is, by what costs it next to nothing: status and maps. Never smaps of a
 * live process: at 10 GiB its page tables are walked for 0.4 s with the mappings locked.
 */
#pragma once

#include <stddef.h>

#include "analysis/mappings.h"
#include "base/arena.h"
#include "base/diag.h"
#include "model/activity.h"

struct go_runtime;
struct maps;
struct mem;
struct process;

struct memory_map {
	struct memory_parts parts;
	uint64_t peak_rss_bytes;	/* since the process began; 0 unknown */
	const struct address_range *anonymous;	/* every mapping without a file, ascending */
	size_t n_anonymous;
};

/*
 * In the arena. rt: NULL where the process is not Go; live: its memory, for the goroutines that
 * show which mappings are Go's. -ESRCH, -EPERM, -ENOMEM.
 */
int memory_map_read(const struct process *p, struct go_runtime *rt, struct mem *live,
		    struct arena *a, struct memory_map *ret, struct diag *d);

/* The part that is pure: which mappings are whose. g: addresses of goroutines, n of them. */
void memory_map_sort(const struct maps *maps, const uint64_t *g, size_t n, bool *is_go,
		     struct memory_parts *ret);
