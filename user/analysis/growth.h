/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which sites only grow. A tracker is fed one look after another; of each site it keeps how many
 * goroutines were there, over the last looks and, more coarsely, over all of them. A site is
 * suspect when in one of these windows
 *   - there are at least GROWTH_LOOKS looks after the first,
 *   - the count rose by GROWTH_MIN at least, in each third of the window, in the last not much more
 *     slowly than before, and just now: a burst, a pool, a cache come to an end,
 *   - who was there in its middle, and who had come there by then, is still there,
 *   - the wait has no end in sight that is nearer than the window is long.
 * A site is suspect too when it holds threads in C: see analysis/held.h.
 * Pure: no clock, no I/O.
 */
#pragma once

#include "base/cleanup.h"
#include "model/interval.h"

enum {
	GROWTH_LOOKS = 5,	/* at 5 s: 25 s, and whoever watches is told within 30 */
	GROWTH_MIN = 6,
};

struct growth;

/* NULL when memory is short. */
struct growth *growth_new(void);
void growth_free(struct growth *g);
DEFINE_CLEANUP(struct growth, growth_free)

/* The look that growth_add() will take next: what group_past must be counted against. */
struct look growth_next(const struct growth *g);

/*
 * The recent window begins anew with the last two looks, for whoever looks seldom and has just seen
 * something begin to rise (site.peak): against a long level time before, it would be seen late.
 */
void growth_focus(struct growth *g);

/*
 * One look: the snapshot, its groups marked (verdict_mark()), a group_past for each of its groups, and of *ret elapsed_s, rss_bytes and
 * threads. Fills what ret says of sites and changes; sites are in the snapshot's arena. -ENOMEM.
 */
int growth_add(struct growth *g, const struct snapshot *s, const struct group_past *past,
	       struct interval *ret);

/*
 * Writes what the sites of an interval say into a snapshot of the same process, judged already
 * (verdict_judge()): verdict and pattern of the groups that are not judged worse, a finding a suspect
 * site; what was proven gets the rate as evidence. Sorts groups and findings again. -ENOMEM.
 */
int growth_judge(struct snapshot *s, const struct interval *i);

/* "+1,200 a minute, 0 of 14,000 left in 90 s; 1 GiB in 5 h". NULL when memory is short. */
const char *growth_sentence(struct arena *a, const struct site *site);
