// SPDX-License-Identifier: Apache-2.0
#include "analysis/held.h"

#include "analysis/site.h"

/* Of those who are there, the part that must be in the call that the mark saw them in. */
#define SHARE 0.8

bool held_judge(const struct snapshot *s, const struct interval *i, const struct held_mark *marks,
		uint32_t n, struct site *site)
{
	const struct group *g = &s->groups[site->group];
	const struct held_mark *best = NULL;

	if (g->state != GO_SYSCALL || !site_is_in_c(&g->stack) || site->count < HELD_MIN ||
	    site->count <= (uint64_t)HELD_PER_CPU * i->cpus)
		return false;
	for (uint32_t k = 0; k < n; k++)
		if (marks[k].age_s >= HELD_MIN_S &&
		    (double)marks[k].same_park >= SHARE * (double)site->count &&
		    (!best || marks[k].age_s > best->age_s))
			best = &marks[k];
	if (!best)
		return false;
	site->held = true;
	site->cohort = (struct cohort){ .then = best->then, .now = best->stayed,
					.same_park = best->same_park, .age_s = best->age_s };
	return true;
}
