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

/* Goroutines alike in stack, state, wait reason, creator and labels. */
struct group {
	uint64_t id;		/* stable across runs of one binary */
	uint64_t count;
	enum go_state state;
	const char *wait_reason;	/* NULL when not waiting */
	bool system;
	enum verdict verdict;
	const char *pattern;	/* leak-cases name, or NULL */
	int64_t oldest_wait_ns;	/* lower bound; WAIT_UNKNOWN */
	struct stack stack;
	const char *no_stack;	/* why there is none ("running on a thread"), or NULL */
	struct frame started;		/* the function of its go statement; function NULL: unknown */
	struct frame created_by;	/* function NULL: none or unknown */
	const struct label *labels;
	uint32_t n_labels;
	/* What the first sample is blocked on; the others' are alike in kind, not in address. */
	struct wait_object blocked_on;
	uint64_t objects_seen;	/* distinct wait objects among the samples; 0 unknown */
	uint64_t stack_bytes;	/* sum of the stacks' allocated bytes */
	uint32_t n_samples;
	uint64_t sample_ids[LIMIT_SAMPLES];
};

struct finding {
	const char *pattern;
	enum verdict verdict;
	uint64_t count;
	int64_t bytes;		/* WAIT_UNKNOWN */
	const char *site;	/* "main.f file.go:12" */
	uint32_t group;		/* index */
	const char *summary;
	const char *const *evidence;
	uint32_t n_evidence;
	const char *advice;
};

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
};

/* Accepts NULL. */
void snapshot_free(struct snapshot *s);
DEFINE_CLEANUP(struct snapshot, snapshot_free)

/* An empty one with its arena. NULL when memory is short. */
struct snapshot *snapshot_new(void);

/* Appends a sentence to quality.notes, once however often it is said. */
void snapshot_note(struct snapshot *s, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
