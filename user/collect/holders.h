/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who holds what a dead goroutine waits on: a search of all memory for a word that points there,
 * or to anything that leads there, from outside of it. A pass misses a reference that moves while it
 * follows the heap from object to object. Here one word is enough, in an object that nothing seems
 * to hold, in a slot that was freed lately, below a stack's end: a reference that moves leaves copies,
 * and one that leaves none is missed by chance alone, which repeating makes small.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/diag.h"
#include "collect/reach_pass.h"
#include "collect/stale_words.h"

struct holders_source {
	struct go_runtime *rt;
	const struct reach_pass *pass;	/* the last one; its graph leads to the targets */
	struct go_heap *heap;		/* the pass's */
	struct stale_words *stale;	/* of the search before */
	const bool *wanted;		/* by pass->parked: whose holders are looked for */
	uint64_t max_bytes;		/* of our memory, besides the pass */
	uint64_t seed;			/* in what order the heap is read: another one each time */
};

struct holders_found {
	bool *held;		/* by pass->parked; holders_done() frees it */
	uint64_t n_held;
	uint64_t targets;	/* objects that were looked for */
	uint64_t bytes;		/* of heap and stacks that were read */
	uint64_t late_bytes;	/* of them, of spans that changed meanwhile */
	uint64_t fresh_bytes;	/* of them, of spans that had not been there */
	bool blind;		/* free slots held words, and it is not known since when */
	const char *why_not;	/* NULL; else something could not be read: nobody counts as clean */
};

/* -ESRCH, -EPERM, -ENOMEM, -E2BIG: more targets than max_bytes allow. */
int holders_search(const struct holders_source *src, struct holders_found *ret, struct diag *d);
void holders_done(struct holders_found *f);
