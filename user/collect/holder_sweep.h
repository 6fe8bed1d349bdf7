/* SPDX-License-Identifier: Apache-2.0 */
/* Reading all memory where a holder may be. Of holders.c. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/addrmap.h"
#include "collect/holder_targets.h"

struct sweep {
	const struct holders_source *src;
	struct targets targets;
	struct addrmap *parked;		/* park -> index in pass->parked */
	struct addrmap *dead_gs;	/* addresses of the records of the dead */
	bool met_stale;			/* a word in a free slot */
	uint64_t bytes, late_bytes, fresh_bytes, unreadable_bytes;
	const char *why_not;
};

/* The word at `at`, of that span, has this value: what is no target itself holds what it points to. */
int sweep_word(struct sweep *s, const struct go_span *span, uint64_t at, uint64_t value);
/* A word that lies in no object: of a root. */
void sweep_root(struct sweep *s, uint64_t value);

/* The spans of objects that hold pointers; then, again, those that changed meanwhile. */
int sweep_heap(struct sweep *s, struct diag *d);

/*
 * Stacks, variables, and what the runtime keeps itself: to be called before the heap is read, and
 * after it. What a goroutine that did not move between the two has on its stack counts by its
 * frames' maps, every other stack word by word.
 */
struct hot_roots;
int hot_roots_open(struct hot_roots **ret);
void hot_roots_free(struct hot_roots *h);
DEFINE_CLEANUP(struct hot_roots, hot_roots_free)
int hot_roots_sweep(struct hot_roots *h, struct sweep *s, struct diag *d);
