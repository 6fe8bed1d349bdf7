/* SPDX-License-Identifier: Apache-2.0 */
/* A pass in the making: goroutines, roots, then the graph. Internal to reach_pass.c. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analysis/reach.h"
#include "base/addrmap.h"
#include "collect/reach_pass.h"
#include "goruntime/park.h"

/* Addresses, while there is no graph yet. */
struct reach_words {
	uint64_t *all;
	size_t n, room;
};

struct reach_build {
	const struct reach_source *src;
	struct reach_pass *pass;
	/* Where objects may be: other words lead nowhere, and are not kept. */
	uint64_t lo, hi;
	uint64_t max_bytes;	/* of ours */
	struct reach_words roots;	/* what they point to is alive */
	struct reach_words records;	/* the same, and closed nodes too: g structs of the living */
	struct reach_words held;	/* of the blocked: waits, records, stack */
	struct reach_words closed;	/* what no pointer of the heap is to enter */
	struct reach_blocked *blocked;	/* as pass->parked, and in the same order */
	uint32_t blocked_room;
	size_t wait_room;		/* of pass->waits */
	struct addrmap *sites;		/* by stack hash */
	struct go_park_hint *hints;	/* by site */
	uint32_t sites_room;
	/* By place in runtime.allgs, as the first look had it: 0 not parked. */
	uint64_t *parks;
	uint32_t *blocked_of;		/* UINT32_MAX: not judged */
	uint64_t n_slots;
	uint64_t raw_bytes;		/* of stacks that were read whole */
	char why_not[256];		/* empty as long as the pass is complete */
};

/* The pass cannot tell: the first reason stands. */
void reach_build_give_up(struct reach_build *b, const char *why, ...)
	__attribute__((format(printf, 2, 3)));
/* Adds an address. -ENOMEM; -E2BIG it would take more than max_bytes. */
int reach_words_add(struct reach_build *b, struct reach_words *w, uint64_t word);
/* Adds a word that may point into the heap. */
int reach_build_root(struct reach_build *b, uint64_t word);

/* reach_stacks.c: goroutines. */
/* All of them, with what is on their stacks. -ESRCH, -EPERM, -ENOMEM, -E2BIG; else torn or absent. */
int reach_stacks_scan(struct reach_build *b, struct diag *d);
/* Once more: who has not stayed as he was is alive, and his whole stack is a root. */
int reach_stacks_again(struct reach_build *b, struct diag *d);

/*
 * reach_hot.c: the whole stacks of the goroutines at those addresses, as roots; each is read again
 * when it moves meanwhile. -ESRCH, -EPERM, -ENOMEM, -E2BIG.
 */
int reach_hot_read(struct reach_build *b, const uint64_t *g_addrs, size_t n);

/* reach_roots.c: everything else. */
int reach_roots_add(struct reach_build *b, struct diag *d);
/* Spans that are new since the pass began: what they hold is alive. */
int reach_roots_add_late(struct reach_build *b, struct diag *d);
