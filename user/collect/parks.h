/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is remembered of each goroutine from look to look: the park that it was in, and since which
 * look it has been there. A park is told from the next one at the same place by trackingSeq, which
 * counts every exit from running modulo 256: a goroutine that runs a multiple of 256 times between
 * two looks passes for one that never moved. Go 1.26: it does not count calls of C and of the system
 * any more; these are told apart by the tick of the processor that each began with.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "goruntime/goroutines.h"

#define PARK_NO_GROUP UINT32_MAX

struct park {
	uint64_t goid;		/* 0: nobody */
	uint32_t depth;		/* bytes of stack in use: the same when the collector moves the stack */
	uint32_t group;		/* of its last park, for the reader; PARK_NO_GROUP: its stack is to be read */
	uint32_t site;		/* where it is parked, or was before it ran; 0 nowhere yet */
	uint32_t at_site, parked;	/* looks that first saw it at this site, in this park */
	int32_t tid;		/* of the thread that it holds; 0 none or unknown */
	uint32_t call;		/* m.syscalltick of the call that it is in; 0 none or unknown */
	uint8_t seq, reason, state;
	bool awake;		/* runs or may run, and was parked at `site` in the look before */
};

struct parks {
	struct park *all;	/* by slot in runtime.allgs */
	uint64_t n;
};

void parks_done(struct parks *p);

/* Its park, when it is the very one that was noted, in the same `call`; else NULL. */
struct park *parks_find(const struct parks *p, const struct go_g *g, uint32_t call);

/*
 * Notes that look `now` found it in this group at this site (not 0). One that runs or may run
 * keeps the site that it came from. NULL when memory is short.
 */
struct park *parks_note(struct parks *p, const struct go_g *g, uint32_t call, uint32_t group,
			uint32_t site, uint32_t now);

/* The groups' numbers are void: each stack is to be read again. */
void parks_forget_groups(struct parks *p);

/* Does a goroutine in this state stay where it is until something happens to it? */
bool park_is_state(enum go_state s);
