/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What sites whose mappings only come say: native-growth where the program maps by itself,
 * cgo-heap where malloc() maps for its caller. What Go's runtime maps is its own affair, and the C
 * heap's top moves for whoever happens to come last: neither is a finding. Suspect where every call
 * was seen; else a candidate, for an address may have changed hands unseen. Pure.
 */
#pragma once

#include "base/arena.h"
#include "model/activity.h"

struct memory_findings_source {
	const struct memory_activity *memory;	/* growing, parts, climbs */
	double unbroken_s;	/* for so long until now every call was seen */
	double seen;		/* share of the time since the first look in which calls were */
	double other_per_min;	/* by the maps, in bytes; negative unknown */
	const char *module;	/* of a Go program; or NULL */
};

/*
 * Is what a site seems to keep its own? Yes where every call was seen for as long as its window is;
 * else an address may have changed hands, and whoever maps and unmaps all the time is the owner of
 * what others take meanwhile: then it must have kept half of what it was seen to ask for.
 */
bool memory_growth_is_its_own(const struct memory_growth *g, double unbroken_s);

/* -ENOMEM. */
int memory_findings(const struct memory_findings_source *s, struct arena *a,
		    const struct finding **ret, uint32_t *n);
