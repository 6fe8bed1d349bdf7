/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which goroutines can never run again. Without a stop: several passes over a running process, with
 * what keeps a moving reference from being missed; or, when asked, one exact pass over a process
 * that is stopped for it. Of a core: one pass, for nothing moves there.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/diag.h"
#include "model/leaks.h"

struct go_runtime;
struct subject;

enum leaks_wish {
	LEAKS_NEVER,
	LEAKS_IF_CHEAP,		/* as far as it goes in a second of our own time */
	LEAKS_ALWAYS,		/* as long as the limits below allow */
};

struct leaks_options {
	enum leaks_wish wish;
	/*
	 * The exact pass, which stops the process, unless that is estimated to take longer than
	 * max_pause_ms. Whatever the wish is. Of a core it means nothing.
	 */
	bool prove;
	double max_pause_ms;		/* 0: LEAKS_MAX_PAUSE_MS */
	uint64_t max_bytes;		/* of our memory; 0: LIMIT_GRAPH_BYTES */
	double max_s;			/* for all passes; 0: LEAKS_MAX_S */
	uint32_t max_passes;		/* 0: LEAKS_MAX_PASSES */
	void (*progress)(void *arg, uint64_t done, uint64_t total);	/* of passes; may be NULL */
	void *progress_arg;
};

#define LEAKS_MAX_PAUSE_MS 200.0
#define LEAKS_MAX_S 60.0
#define LEAKS_MAX_PASSES 32

/*
 * Fills ret, whose arrays lie in the arena; the subject is that of rt. Not in it are those whose wait
 * says by itself that it never ends (a nil channel, select {}): verdict_judge() has them at once.
 * What cannot be found out is no error: ret is empty, or has suspects alone, and ret->why_not is the
 * sentence for it. Not wanted (LEAKS_NEVER without prove): ret is empty, and so is why_not.
 *
 * Likely is who was neither reached nor found held in enough rounds (analysis/leak_rounds.h): each a
 * pass (collect/reach_pass.h) and a search for holders (collect/holders.h).
 *
 * With prove, or of a core: errors of exact_pass_take(). -ESRCH the target is gone, -EPERM, -ENOMEM.
 */
int leaks_find(const struct subject *subject, struct go_runtime *rt,
	       const struct leaks_options *o, struct arena *a, struct leak_set *ret,
	       struct diag *d);
