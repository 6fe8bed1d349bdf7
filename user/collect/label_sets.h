/* SPDX-License-Identifier: Apache-2.0 */
/* The pprof labels of goroutines, each different set of them kept once. */
#pragma once

#include <stdint.h>

#include "base/addrmap.h"
#include "base/arena.h"
#include "goruntime/goruntime.h"
#include "model/goroutine.h"

struct label_set {
	const struct label *labels;	/* strings in the arena, equal ones the same */
	uint32_t n;
};

struct label_sets {
	struct go_runtime *rt;		/* borrowed, as the arena is */
	struct arena *arena;
	struct label_set *sets;		/* [0] is the empty one */
	uint32_t n, room;
	struct addrmap *by_pointer;	/* g.labels -> set */
	struct addrmap *by_hash;	/* content -> set */
	uint64_t bytes, seed;
	/* Goroutines that were given the empty set, for want of memory there or here. */
	uint64_t unreadable, left_out;
};

/* 0 or -ENOMEM. */
int label_sets_init(struct label_sets *l, struct go_runtime *rt, struct arena *a);
void label_sets_done(struct label_sets *l);

/* Another look begins: the target may have put other labels at an address by now. */
void label_sets_look_again(struct label_sets *l);

/* The index of the set that a g.labels points to; 0 when it cannot be read. -ENOMEM. */
int label_sets_find(struct label_sets *l, uint64_t pointer, uint32_t *ret);
