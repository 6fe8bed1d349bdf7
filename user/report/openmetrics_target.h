/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one look says of all processes of one name together: sums, and where a sum would say
 * nothing, the largest or the smallest. Inside of openmetrics.h.
 */
#pragma once

#include "base/arena.h"
#include "model/examined.h"
#include "model/node.h"
#include "report/openmetrics_text.h"

/* Words with numbers, LIMIT_METRIC_WORDS of them; others are summed in the last, "other". */
struct target_word {
	const char *word;	/* as metric_clean() has it */
	const char *second;	/* NULL none */
	uint64_t count;
	int64_t wait_ns;	/* the longest; WAIT_UNKNOWN */
};

struct target_words {
	struct target_word all[LIMIT_METRIC_WORDS + 1];
	uint32_t n;
};

/* The row of a word, by raw bytes. NULL when memory is short. */
struct target_word *target_words_at(struct target_words *w, struct arena *a, const char *word,
				    const char *second);

/* Sites that read the same: of several stacks, in several processes. */
struct target_site {
	uint64_t id;		/* model/interval.h, of the last one that was added */
	const char *site;	/* "main.f file.go:12", as metric_clean() has it */
	const char *wait_reason;	/* likewise; "" when they do not wait */
	uint64_t count;
	double squares;		/* sum of the squares of each process's count */
	uint32_t process;	/* the last one that has it, counted from 1, */
	uint64_t in_process;	/* and its count */
	bool judged;		/* whether it grows is known */
	uint32_t growing;	/* processes in which it grows */
	double rate_per_s;	/* of those */
	bool shown_before;	/* in the look before */
};

/* More are kept than are shown, for the sums of several processes have another order. */
enum { TARGET_SITES = 4 * LIMIT_METRIC_SITES };

struct target_sites {
	struct target_site *all;	/* TARGET_SITES, once there is one */
	uint32_t n;		/* after target_sites_close(): who grows first, then by count */
	uint32_t processes;
	uint32_t most;		/* sites of the process that has most */
	uint64_t others;	/* goroutines of none of these */
};

/* Of one process: those that grow, then the largest, a few more than are shown. -ENOMEM. */
int target_sites_add(struct target_sites *t, struct arena *a, const struct node_process *p);
/*
 * Sorts, and puts what is over LIMIT_METRIC_SITES to the others. Those that were shown in the look
 * `before` (NULL: none) need not be larger than all others: series that come and go cost their
 * reader most.
 */
void target_sites_close(struct target_sites *t, const struct target_sites *before);

/* A number of those processes that have it. */
struct target_sum {
	uint32_t known;		/* processes that it is of; 0: absent */
	double value;
};

enum target_grade { GRADE_PROVEN, GRADE_LIKELY, GRADE_SUSPECT, GRADES };

struct target {
	uint32_t n;		/* processes that run, or are stopped, or could not be looked at */
	uint32_t by_kind[NODE_KINDS][WATCH_FAILED + 1];
	bool worse;		/* one of them has findings, or grows */
	/* Of the one that began last: for loiter_target_info. */
	enum node_kind kind;
	double uptime_s;	/* the shortest; negative unknown */
	char *container, *go_version, *module, *build_id;
	/* Of goroutines; `goroutines.known` is how many processes were read. */
	struct target_sum goroutines, system, unread, look_age_s;
	struct target_words states, reasons;
	struct target_sites sites;
	uint32_t growing_sites;	/* of all processes, also those that are not among `sites` */
	struct target_sum searched_age_s;
	struct target_sum leaked[GRADES], leaked_bytes[GRADES];
	struct target_words findings;	/* pattern, verdict */
	struct target_sum rss, rss_rate, threads, threads_rate;
	uint32_t rss_growing, threads_growing;
	struct target_sum part[MEMORY_PARTS], parts_age_s;
	struct target_sum lock_wait_s;	/* the longest in this look */
};

void target_init(struct target *t);
/*
 * Adds a process whose goroutines were read age_s ago, if ever. Strings are copied to the arena.
 * -ENOMEM.
 */
int target_add(struct target *t, struct arena *a, const struct node_look *look,
	       const struct node_process *p, double age_s);
