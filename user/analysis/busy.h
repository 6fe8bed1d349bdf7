/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which goroutines never leave the CPU? By samples of interval after interval: a goroutine stays
 * in the books while it is met by nearly all that are taken, and is forgotten by the first
 * interval in which it rested. Pure.
 *
 * Where there are more runnable threads than CPUs nobody is on one all the time, and nothing is
 * found: a wrong finding is worse than none.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "model/oncpu.h"
#include "model/snapshot.h"

/* Shorter than this a computation may well be one that ends. */
#define BUSY_MIN_S 20.0

/* One goroutine's samples of one interval. */
struct busy_sample {
	uint64_t goid;
	uint64_t samples;
	/* Entries of the functions that all of them were inside, outermost first; may be none. */
	const uint64_t *functions;
	size_t n;
};

struct busy;

/* min_s: how long before a goroutine is called busy. NULL when memory is short. */
struct busy *busy_new(double min_s);
void busy_free(struct busy *b);
DEFINE_CLEANUP(struct busy, busy_free)

/* An interval of span_s with `hz` samples a second of each CPU; goids are distinct. -ENOMEM. */
int busy_add(struct busy *b, double span_s, unsigned int hz, const struct busy_sample *all,
	     size_t n);

/* The busy ones, longest first, into the arena; `at` is left to the caller. -ENOMEM. */
int busy_list(const struct busy *b, struct arena *a, struct busy_goroutine **ret, uint32_t *n);

/*
 * "busy-goroutine", suspect: one finding for each function that goroutines are busy in. `all` is
 * of busy_list(), with `at`. -ENOMEM.
 */
int busy_findings(const struct busy_goroutine *all, uint32_t n, struct arena *a,
		  struct finding **ret, uint32_t *n_ret);
