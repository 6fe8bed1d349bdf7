/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which goroutines can never run again: blocked on something that nothing alive can reach. Plain
 * values; a goroutine is told by its id and its park, so a later look at it joins what was judged
 * with what is shown only when it has not run in between.
 */
#pragma once

#include <stdint.h>

#include "model/goroutine.h"

struct leaked_goroutine {
	uint64_t goid;
	uint64_t park;		/* go_park_id() */
	uint32_t site;		/* in leak_set.sites */
	enum verdict grade;	/* VERDICT_SUSPECT, VERDICT_LIKELY or VERDICT_PROVEN */
};

/* Leaked goroutines with one stack. */
struct leak_site {
	uint64_t pcs_hash;	/* go_stack_hash() */
	uint64_t count;
	uint64_t stack_bytes;
	uint64_t heap_bytes;	/* reached from these first, and from nothing alive */
};

struct leak_set {
	const struct leaked_goroutine *all;	/* ascending by goid */
	uint32_t n;
	const struct leak_site *sites;
	uint32_t n_sites;
	uint64_t judged;	/* blocked goroutines that could have been found leaked */
	uint64_t heap_bytes;	/* of all sites: what would come back */
	uint64_t scanned_bytes;	/* of heap that holds pointers, by the last pass */
	uint32_t passes;
	double span_s;		/* from the first pass's start to the last one's end */
	double stopped_ms;	/* negative: never stopped */
	double estimated_stop_ms;	/* what --prove would take; negative unknown */
	const char *why_not;	/* NULL; else why there is no answer or only suspects: a sentence */
};
