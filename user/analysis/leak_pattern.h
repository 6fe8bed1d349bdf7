/* SPDX-License-Identifier: Apache-2.0 */
/*
 * By what mistake a goroutine came to wait for ever, as far as what it waits on and the code around
 * it tell. Pure, and no judgement: whoever asks knows already that the goroutine is leaked.
 */
#pragma once

#include "model/goroutine.h"
#include "model/leak_clues.h"

struct leak_pattern {
	const char *name;	/* in the contract: "orphan-send" */
	const char *advice;	/* the usual repair; or NULL */
};

/*
 * Never NULL: a wait that none of the named patterns fits is an "orphan-wait". reason and clues may
 * be NULL. What is known of an object's kind alone is judged by that and the wait reason.
 */
const struct leak_pattern *leak_pattern_find(const char *reason, const struct wait_object *o,
					     const struct leak_clues *clues);

/* What repairs a leak of that name; NULL when it has no other name than that. */
const char *leak_pattern_advice(const char *name);
