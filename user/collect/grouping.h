/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goroutines pour in by the million; what is kept is one record a distinct stack. Stacks are
 * compared as return addresses and symbolized once.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/addrmap.h"
#include "goruntime/goroutines.h"
#include "goruntime/waits.h"
#include "model/interval.h"
#include "model/snapshot.h"

struct ages;
struct leak_witness;

/* Everything that makes two goroutines alike. */
struct group_key {
	const struct go_walk *walk;
	const char *wait_reason;	/* interned, NULL when not waiting */
	uint32_t label_set;
	bool system;
};

struct gathered {
	struct group group;
	uint32_t place;			/* in the snapshot's groups */
	bool looked;			/* at a wait object in this snapshot */
	struct group_past past;
	struct wait_hint hint;
	int64_t oldest_waitsince;	/* 0 none known */
	uint64_t objects[LIMIT_SAMPLES];	/* addresses of the samples' wait objects */
	/* Of those that were found leaked (leak_join.h): */
	uint32_t leaked_samples;	/* they are the first ones */
	uint32_t leak_site;		/* the last one's, */
	uint64_t of_leak_site;		/* and how many of it were counted since it was another */
	int64_t leaked_waitsince;	/* 0 none known */
	struct leak_witness *witness;	/* NULL none */
	/* The key, kept for comparison. */
	uint64_t *pcs;			/* each shifted left, bit 0: exact */
	uint32_t n_pcs, label_set;
	uint64_t gopc, startpc;		/* startpc 0 unless the stack is unknown */
};

struct grouping {
	struct arena *arena;		/* borrowed */
	struct addrmap *by_hash;
	struct gathered *all;
	uint32_t n, room;
	uint64_t seed;
};

/* 0 or -ENOMEM. */
int grouping_init(struct grouping *g, struct arena *a);
void grouping_done(struct grouping *g);

/*
 * The group of this key: its index, and whether it is new (then the caller describes its stack).
 * -ENOMEM; -E2BIG when there are LIMIT_GROUPS of them already.
 */
int grouping_find(struct grouping *g, const struct group_key *key, uint32_t *ret, bool *is_new);

/*
 * Puts the groups that have goroutines into the snapshot, with ages, which are finished, and counts
 * by state and wait reason; there are at most so many different reasons. What the looks before say
 * of each goes into *past, in the snapshot's arena, where past is not NULL. -ENOMEM.
 */
int grouping_finish(struct grouping *g, const struct ages *ages, size_t reasons,
		    struct snapshot *s, struct group_past **past);
