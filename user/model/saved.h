/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A snapshot that was saved as JSON (loiter.snapshot/1), as far as two of them are compared. The
 * file is anybody's: every number may be a lie, and every string may hold anything. Unknown is
 * NULL, WAIT_UNKNOWN or 0, as said at each.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "model/goroutine.h"
#include "model/limits.h"

/* A number with its name in the JSON; names are unique in a list, and lists are sorted by them. */
struct saved_number {
	const char *name;
	uint64_t value;
	const char *path;	/* of what holds heap: the way to most of it; or NULL */
};

struct saved_numbers {
	struct saved_number *all;
	uint32_t n;
};

struct saved_group {
	uint64_t id;		/* of the snapshot: the same in each run of one binary */
	uint64_t site;		/* the same for groups that differ in labels alone */
	uint64_t like;		/* and in other builds too, where no function was renamed */
	uint64_t count;
	const char *state, *wait_reason;	/* wait_reason NULL: does not wait */
	bool system;
	enum verdict verdict;
	const char *pattern;	/* NULL: none */
	const char *place, *created_by;	/* "main.f file.go:12"; NULL: unknown */
	/* As far as growth is named by it (analysis/growth_pattern.h): no pcs and no addresses. */
	enum go_state go_state;
	struct stack stack;
	struct wait_object wait;
	int64_t stack_bytes;	/* WAIT_UNKNOWN */
	uint32_t n_samples;
	uint64_t samples[LIMIT_SAMPLES];	/* ids of some of its goroutines */
};

/* What is told by stack: allocations, or threads. */
struct saved_site {
	uint64_t id, like;	/* as those of a group */
	const char *site;	/* the line of it that its owner would point at; NULL: unknown */
	const char *kind;	/* of threads; or NULL */
	uint64_t value;		/* bytes, or threads */
	int64_t objects;	/* WAIT_UNKNOWN */
};

struct saved_sites {
	struct saved_site *all;	/* ids are unique */
	uint32_t n;
};

/* Those that nobody waits for, and where they are probably made. Counts: WAIT_UNKNOWN. */
struct saved_timers {
	int64_t total, waited, unwaited, unwaited_bytes;
	int64_t first_ns, last_ns;	/* TIME_UNKNOWN */
	const char *place, *call;	/* NULL unknown */
	int64_t goroutines;
	bool loop, waits;
};

struct saved_goroutine {
	uint64_t id, group;
};

struct saved {
	struct arena *arena;	/* owns all below */
	const char *file;	/* the name that it was opened by */
	int64_t time_ms;	/* since 1970; WAIT_UNKNOWN */
	const char *time;	/* as it stands there; NULL unknown */

	int64_t pid;		/* WAIT_UNKNOWN */
	uint64_t start_time;	/* ticks after boot; 0 unknown */
	const char *name, *exe, *build_id, *go_version, *module, *core_file;	/* NULL unknown */
	int64_t uptime_ms;	/* WAIT_UNKNOWN */

	int64_t total, system;	/* goroutines; WAIT_UNKNOWN */
	struct saved_timers timers;
	uint64_t torn;		/* of these, those in no group and no list */
	struct saved_group *groups;	/* ids are unique */
	uint32_t n_groups;
	bool listed;		/* goroutines are there */
	struct saved_goroutine *goroutines;	/* by id, which is unique */
	uint64_t n_goroutines;

	int64_t rss_bytes;	/* WAIT_UNKNOWN */
	bool has_memory;	/* more than rss_bytes is told of the memory */
	struct saved_numbers parts;	/* "go.heap.live"; files of one part together */
	struct saved_numbers go, c;	/* the numbers among memory.go and memory.c */
	struct saved_numbers retained_by;	/* bytes by package variable, */
	struct saved_numbers retained_at;	/* and by the site of goroutines */
	int64_t retained_other;	/* bytes held by none of them; WAIT_UNKNOWN */
	struct saved_numbers heap_by_type;	/* bytes */
	struct saved_sites heap_sites;
	int64_t threads;	/* WAIT_UNKNOWN */
	struct saved_numbers threads_by_kind;
	struct saved_sites thread_sites;
};

/* An empty one with its arena, all unknown. NULL when memory is short. */
struct saved *saved_new(void);
void saved_free(struct saved *s);
DEFINE_CLEANUP(struct saved, saved_free)

/* The number of that name; WAIT_UNKNOWN when it is not there, or too large to be one. */
int64_t saved_number(const struct saved_numbers *n, const char *name);
