/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What changed between two saved snapshots: what grew and how fast, what stayed, what is new and
 * what is gone. Pure: two of them in, a comparison out.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/diag.h"
#include "model/saved.h"
#include "model/snapshot.h"

/* How the processes of the two are related; what cannot be told from it is not told. */
enum diff_relation {
	DIFF_SAME_PROCESS,
	DIFF_UNSURE,		/* one comes from a core, or does not say enough: no rates */
	DIFF_RESTARTED,		/* another process of the same binary: no rates, nobody stayed */
	DIFF_OTHER_BUILD,	/* of another build: groups are matched by their functions */
};
/* "same-process", "unsure", "restarted", "other-build": the JSON's words. */
const char *diff_relation_name(enum diff_relation r);

enum diff_change { DIFF_SAME, DIFF_GREW, DIFF_SHRANK, DIFF_NEW, DIFF_GONE };
/* "same", "grew", "shrank", "new", "gone". */
const char *diff_change_name(enum diff_change c);

/* A number in both; WAIT_UNKNOWN where it is not there. */
struct diff_number {
	const char *name;
	int64_t before, after;
};

struct diff_numbers {
	const struct diff_number *all;	/* the largest change first, but for parts: their order */
	uint32_t n;
};

struct diff_group {
	const struct saved_group *before, *after;	/* one of them may be NULL */
	uint32_t sets;		/* groups that were taken together: they differ in labels alone */
	/*
	 * From the lists of goroutines: those of before that are there still, in this group; those
	 * that left it, for another group or for good; and those who came. WAIT_UNKNOWN without.
	 */
	int64_t stayed, left, arrived;
	int64_t stayed_at_least;	/* by the few ids that each group has; WAIT_UNKNOWN */
	uint64_t sampled;	/* of those before, and no more afterwards: what that is out of */
};

struct diff_site {
	const struct saved_site *before, *after;	/* one of them may be NULL */
};

struct diff_sites {
	const struct diff_site *all;	/* the largest change first */
	uint32_t n;
};

struct diff {
	const struct saved *before, *after;	/* in the order of time */
	bool swapped;		/* the first one that was given is the later one */
	enum diff_relation relation;
	double seconds;		/* between them; 0 unknown, or of no use for a rate */
	struct diff_number goroutines, threads, rss;
	int64_t stayed, left, arrived;	/* of all goroutines; WAIT_UNKNOWN without lists */
	const struct diff_group *groups;	/* the largest growth first, the system's last */
	uint32_t n_groups;
	const struct diff_group *sites;	/* the same, of which those are one that labels tell apart */
	uint32_t n_sites;
	struct diff_numbers parts, go, c, retained_by, retained_at, heap_by_type, threads_by_kind;
	struct diff_sites heap_sites, thread_sites;
	const struct finding *findings;	/* most severe first; group: an index of sites above */
	uint32_t n_findings;
	const char **notes;	/* sentences: what was not comparable, and why */
	uint32_t n_notes;
};

/*
 * Fills *ret; everything in it is in the arena, or of the two. -EINVAL with the sentence when they
 * are of different programs; -ENOMEM.
 */
int diff_compare(const struct saved *first, const struct saved *second, struct arena *a,
		 struct diff *ret, struct diag *d);

/* What happened to a number; what is absent before or after is new or gone. */
enum diff_change diff_change_of(int64_t before, int64_t after);
int64_t diff_group_before(const struct diff_group *g);	/* 0 when there is none */
int64_t diff_group_after(const struct diff_group *g);

/* Change a minute into *ret; false when it is not known. */
bool diff_per_min(const struct diff *d, int64_t before, int64_t after, double *ret);
