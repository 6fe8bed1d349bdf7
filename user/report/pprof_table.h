/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers things from 1 on in the order they are first seen: pprof's string, function and
 * location ids. The keys come from hostile memory, so the hash is seeded. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

struct pprof_entry;

struct pprof_table {
	struct arena *arena;	/* borrowed; owns the entries */
	struct pprof_entry *entries;
	uint64_t n;
};

/* The number of a key of len bytes; *ret_new when it was not there before. -ENOMEM. */
int pprof_table_number(struct pprof_table *t, const void *key, size_t len, uint64_t *ret,
		       bool *ret_new);
/* Frees the hash, not the arena. */
void pprof_table_done(struct pprof_table *t);
