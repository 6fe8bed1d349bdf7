/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one look at one process found. The report writers turn this into text, JSON and the rest;
 * the JSON contract (man/loiter-json.5) has the same vocabulary. "Unknown" is NULL, 0 for
 * addresses, or WAIT_UNKNOWN: never a zero that could be taken for a fact.
 */
#pragma once

#include <time.h>

#include "base/arena.h"
#include "model/goroutine.h"
#include "model/limits.h"

struct memory_ledger;	/* model/memory.h */
struct leak_set;	/* model/leaks.h */
struct leak_clues;	/* model/leak_clues.h */
struct timer_look;	/* model/timers.h */

/* Goroutines alike in stack, state, wait reason, creator and labels. */
struct group {
	uint64_t id;		/* stable across runs of one binary */
	uint64_t count;
	enum go_state state;
	const char *wait_reason;	/* NULL when not waiting */
	bool system;
	enum verdict verdict;	/* the gravest of its goroutines' */
	const char *pattern;	/* leak-cases name, or NULL */
	/* How many of them can never run again, by the grade of that statement. */
	uint64_t n_proven, n_likely, n_leak_suspect;
	/* Of these alone: their stacks, and what of the heap comes back with them. */
	uint64_t leaked_stack_bytes, leaked_heap_bytes;
	bool leaked_heap_known;	/* of those that the wait alone proves, it is not */
	int64_t leaked_wait_ns;	/* the longest of theirs; lower bound; WAIT_UNKNOWN */
	const struct leak_clues *clues;	/* of one of them; NULL: none, or not looked for */
	int64_t oldest_wait_ns;	/* lower bound; WAIT_UNKNOWN */
	struct stack stack;
	const char *no_stack;	/* why there is none ("running on a thread"), or NULL */
	/*
	 * The function of its go statement; function NULL: unknown, and pc is the entry of what the
	 * compiler wrote around it.
	 */
	struct frame started;
	struct frame created_by;	/* function NULL: none or unknown */
	const struct label *labels;
	uint32_t n_labels;
	/*
	 * What the first sample is blocked on; the others' are alike in kind, not in address.
	 * Leaked goroutines are the first samples where there are any.
	 */
	struct wait_object blocked_on;
	uint64_t objects_seen;	/* distinct wait objects among the samples; 0 unknown */
	uint64_t stack_bytes;	/* sum of the stacks' allocated bytes */
	bool heap_known;
	uint64_t heap_bytes;	/* of the Go heap, reached from them and nothing else; if known */
	uint32_t n_samples;
	uint64_t sample_ids[LIMIT_SAMPLES];
	int32_t sample_tids[LIMIT_SAMPLES];	/* threads that they hold; 0 none or unknown */
	uint64_t site;		/* id of all groups that differ from this one in labels alone */
};

/* No index of a group: a finding that belongs to none of the snapshot's. */
#define FINDING_NO_GROUP UINT32_MAX

/* Of a group: those that are leaked, by any grade. */
uint64_t group_leaked(const struct group *g);

struct heap_profile;

struct finding {
	const char *pattern;
	enum verdict verdict;
	uint64_t count;
	int64_t bytes;		/* WAIT_UNKNOWN */
	const char *site;	/* "main.f file.go:12" */
	uint32_t group;		/* index, or FINDING_NO_GROUP */
	const char *summary;
	const char *const *evidence;
	uint32_t n_evidence;
	const char *advice;
};

/* Makes n lines its evidence. -ENOMEM when one of them is NULL: there was no memory for it. */
int finding_evidence(struct finding *f, const char *const *lines, uint32_t n);

/* A copy with all its strings in the arena. -ENOMEM. */
int finding_copy(struct arena *a, const struct finding *f, struct finding *ret);

struct process_info {
	int pid;		/* 0 for a core that does not say */
	uint64_t start_time;	/* clock ticks after boot, from /proc/PID/stat; 0 unknown */
	const char *exe;	/* path as the kernel names it, "(deleted)" cut off */
	const char *name;	/* last component of exe, or comm */
	const char *module_file;	/* the file that holds the Go runtime when it is not exe */
	const char *build_id;	/* GNU build id in hex, or NULL */
	const char *go_version;	/* "go1.24.9" */
	const char *module;	/* main module path from build info; NULL unknown */
	bool cgo, cgo_known;
	bool stripped;		/* no symbol table */
	double uptime_s;	/* negative unknown */
	uint64_t rss_bytes;	/* 0 unknown */
	uint32_t threads;	/* 0 unknown */
	const char *cgroup, *container_id, *unit;	/* NULL none or unknown */
	const char *core_file;	/* when read from a core */
};

struct quality {
	uint64_t goroutines_read;	/* consistent ones, system and user */
	uint64_t torn;		/* changed under every retry: counted, not shown */
	uint64_t torn_retried;	/* torn at first, consistent on a retry */
	uint64_t unreadable;	/* memory was absent */
	const char *layout;	/* "table" or "dwarf" */
	uint32_t passes;
	double span_s;		/* from the first to the last read of goroutines */
	double stopped_ms;	/* for this; 0 or less: it was never stopped */
	const char **notes;	/* sentences for people */
	uint32_t n_notes;
};

struct named_count {
	const char *name;
	uint64_t count;
};

struct snapshot {
	struct arena *arena;	/* owns everything below */
	struct timespec time;	/* wall clock at the start */
	double duration_ms;
	struct process_info process;
	struct quality quality;
	uint64_t total;		/* user goroutines: what runtime.NumGoroutine() says */
	uint64_t system;
	struct named_count *by_state, *by_wait_reason;	/* user goroutines, most first */
	uint32_t n_by_state, n_by_wait_reason;
	struct group *groups;	/* most severe verdict first, then count; system last */
	uint32_t n_groups;
	struct goroutine *goroutines;	/* by id; NULL unless asked for */
	uint64_t n_goroutines;
	struct finding *findings;	/* most severe first */
	uint32_t n_findings;
	struct leak_set *leaks;	/* NULL: not looked for */
	struct heap_profile *heap_profile;	/* NULL: not asked for */
	const struct timer_look *timers;	/* NULL: not known */
	struct memory_ledger *memory;	/* NULL: not asked for, or not known */
};

/* Accepts NULL. */
void snapshot_free(struct snapshot *s);
DEFINE_CLEANUP(struct snapshot, snapshot_free)

/* An empty one with its arena. NULL when memory is short. */
struct snapshot *snapshot_new(void);

/*
 * What is held of one of its goroutines, by itself or by its group where that holds for all of it.
 * *pattern may be NULL.
 */
enum verdict snapshot_verdict_of(const struct snapshot *s, const struct goroutine *g,
				 const char **pattern);

/* Makes room for n findings behind those that it has. -ENOMEM. */
int snapshot_reserve_findings(struct snapshot *s, uint32_t n);

/* Appends a sentence to quality.notes, once however often it is said. */
void snapshot_note(struct snapshot *s, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
