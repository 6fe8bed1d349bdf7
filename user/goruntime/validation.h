/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of layout_validate() share: validate.c and validate_waits.c. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "goruntime/locate.h"

/* All structs of the runtime that are looked at are below 1 KiB, moduledata included. */
#define VALIDATION_OFFSET_MAX 4096

enum check {
	CHECK_STATE,
	CHECK_STACK,
	CHECK_GOID,
	CHECK_SAVED_SP,
	CHECK_SAVED_PC,
	CHECK_SAVED_BP,
	CHECK_SYSCALL,
	CHECK_GOPC,
	CHECK_START,
	CHECK_PARENT,
	CHECK_MAIN,
	CHECK_REASON,
	CHECK_PARKED,
	CHECK_FORCE_GC,
	CHECK_OTHERS,
	CHECK_SUDOG,
	CHECK_SELECT,
	CHECK_CHAN,
	CHECK_FULL,
	CHECK_EMPTY,
	CHECK_RECVQ,
	CHECK_SENDQ,
	CHECK_LINKS,
	CHECK_SLEEP,
	CHECK_THREAD,
	CHECK_G0,
	CHECK_TID,
	CHECKS
};

/* One runtime.g as it stood. */
struct sampled {
	uint64_t addr;
	uint32_t status;	/* without the scan flag */
	uint8_t waitreason;
	uint8_t tracking_seq;	/* changes each time that it stops running */
	bool runtimes_own;	/* its first function is the runtime's, and not that of main */
	uint64_t goid, parent, lo, hi, m, sp, pc, bp, syscallsp, syscallpc;
	uint64_t gopc, startpc, waiting, param, timer, sleep_when;
};

/* Of each check: how often it was made, and how often it failed. */
struct tally {
	unsigned int tested[CHECKS], failed[CHECKS];
};

struct validation {
	const struct go_layout *l;
	const struct go_globals *globals;
	const struct moduledata *md;
	struct pclntab *tab;
	struct mem *live;
	struct mem *chase;	/* a cache before live, for pointers; as old as the pass */
	const int32_t *tids;
	size_t n_tids;

	struct sampled *g;	/* those in use */
	size_t n;
	struct tally *tally;	/* where validation_count() counts */
	unsigned int members;	/* threads that are among tids */
};

/* Counts one check; returns ok. */
bool validation_count(struct validation *v, enum check c, bool ok);

enum resampled {
	SAMPLE_GONE,	/* another state or goroutine, or unreadable; *g stays what it was */
	SAMPLE_MOVED,	/* the same state, but it has run in between */
	SAMPLE_SAME,
};
enum resampled validation_resample(struct validation *v, struct sampled *g);

/*
 * Counts what `check` counts of one goroutine. The target moves on between our reads, so a failure
 * is one only when it comes again and again, of a goroutine that has not moved meanwhile.
 */
void validation_look(struct validation *v, struct sampled *g,
		     void (*check)(struct validation *v, struct sampled *g));
/* Why it waits; "" when it does not, or for a reason that does not exist. */
const char *validation_reason(const struct validation *v, const struct sampled *g);
/* The checks of what goroutines point to: channels, timers, threads. */
void validation_follow(struct validation *v);
