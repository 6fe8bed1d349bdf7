/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the collectors saw of one process in one interval, with names. Everything is in the arena of
 * whoever looked, and strings are raw bytes of the target. What a collector did not see is NULL, or
 * a rate with seen 0: never a zero that could be taken for a fact. A pointer that is added here is
 * followed in model/interval_copy.c.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "model/c_heap.h"
#include "model/goroutine.h"
#include "model/locks.h"
#include "model/oncpu.h"
#include "model/rate.h"
#include "model/snapshot.h"
#include "model/traced_memory.h"

/* As --probes names them, and in its order. */
enum collector {
	COLLECTOR_GOROUTINES,
	COLLECTOR_FUTEX,
	COLLECTOR_MEMORY,
	COLLECTOR_THREADS,
	COLLECTOR_ONCPU,
	COLLECTORS
};

/* "goroutines", "futex", ... */
const char *collector_name(enum collector c);

/* How one of them fared in the interval. */
struct collector_report {
	bool asked;		/* by --probes */
	const char *refused;	/* why it, or a part of it, is not on; NULL: all of it is */
	bool on;		/* at least a part of it */
	double seen;		/* share of the interval in which it was: 1 for what is always on */
	double cores;		/* that it cost the target, by calibration */
	uint64_t hits;
	uint64_t lost;		/* events that found no room: what it counts may be too small */
};

/* --- goroutines: probes on the scheduler --- */

/* Goroutines that parked at one site. */
struct park_site {
	struct stack stack;	/* from the caller of runtime.gopark */
	const char *wait_reason;
	struct rate parks;	/* a second */
	uint64_t blocked_on;	/* the last one's object; 0 none */
	bool several;		/* others waited for another object */
	/* Of the parks whose end was seen as well. */
	uint64_t wakes;
	double mean_wait_s, p99_wait_s;	/* p99: to a factor of 2; 0 with no wakes */
	struct stack waker;	/* who ended most of them; n 0: the scheduler (a timer), or unknown */
	bool waker_known;
};

/* A go statement at work. */
struct go_site {
	struct frame at;	/* the statement */
	struct frame started;	/* the function that it starts */
	struct rate births, deaths;
	struct stack parent;	/* of the last birth, from the statement outwards; n 0 unknown */
};

struct goroutine_activity {
	struct rate parks, readies, births, deaths;
	const struct park_site *sites;	/* most parks first */
	uint32_t n_sites;
	const struct go_site *gos;	/* most births first */
	uint32_t n_gos;
	uint64_t unmatched;	/* wakes whose park was not seen */
};

/* --- locks: long sleeps in futexes --- */

struct lock_activity {
	const struct lock_contention *contended;	/* longest wait first */
	uint32_t n_contended;
	uint64_t long_waits;	/* that ended in the interval */
	uint64_t blind;		/* sleeps that could not be followed */
	uint32_t sleepers;	/* threads that sleep for a lock now */
};

/* --- memory: what is asked of the kernel --- */

/* A stack that memory comes from. */
struct memory_site {
	enum traced_memory_kind kind;
	struct traced_bytes sum;	/* while it was seen */
	struct stack stack;	/* C and Go, innermost first */
};

/* Who asked for memory, by the code that did. */
enum memory_origin {
	MEMORY_ORIGIN_UNKNOWN,
	MEMORY_ORIGIN_GO,	/* Go's runtime: its heap, stacks and tables */
	MEMORY_ORIGIN_MALLOC,	/* the C library's allocator, or one in its place */
	MEMORY_ORIGIN_PROGRAM,	/* mmap() or brk() of the program itself */
};

/* A site whose mappings only come: see analysis/mappings.h. */
struct memory_growth {
	enum traced_memory_kind kind;
	enum memory_origin origin;
	struct stack stack;
	uint64_t bytes, calls;	/* that it has */
	uint64_t had_bytes;	/* that it was seen to ask for, what it gave back included */
	uint64_t grown;		/* bytes, in window_s */
	double window_s, bytes_per_min;
	uint64_t then, stayed;	/* bytes that it had age_s ago, and of those still has */
	double age_s;
};

/* Where the process's memory is; bytes, 0 unknown. */
struct memory_parts {
	/* Resident: anonymous, of files, shared. */
	uint64_t rss_anon, rss_file, rss_shared;
	/* Address space, of which some may never have been touched. */
	uint64_t go;		/* the arenas of its heap, which hold the stacks too */
	uint64_t c_heap;	/* [heap], and malloc's arenas of other threads */
	uint64_t stacks;	/* of threads */
	uint64_t other;		/* anonymous, and none of these */
	uint64_t files;
};

struct memory_activity {
	struct traced_bytes totals[TRACED_MEMORY_KINDS];	/* while it was seen */
	double seen;		/* share of the interval that the totals are of */
	uint64_t peak_rss_bytes;	/* since the start, between looks too; 0 unknown */
	const struct memory_site *sites;	/* growing kinds and faults; most bytes first */
	uint32_t n_sites;
	const struct memory_growth *growing;	/* the fastest first */
	uint32_t n_growing;
	struct memory_parts parts;
	const char *climbs;	/* what RSS climbs by: "the C heap +12.0 MiB a minute"; NULL: it does not */
};

/* --- threads --- */

struct thread_site {
	uint64_t births;	/* in the interval */
	struct stack stack;	/* of the thread that made them, which need not be who needs them */
	/* Since the start, as far as they were followed: who was born, and is there still. */
	uint64_t born, alive;
};

struct thread_activity {
	uint64_t births, exits, forks;
	/* Of those that came and went since the start, as far as followed; negative: none did. */
	double median_life_s;
	const struct thread_site *sites;	/* most births first; then those with anyone alive */
	uint32_t n_sites;
};

struct activity {
	struct collector_report collectors[COLLECTORS];
	/* Each NULL when it was not looked at. */
	const struct goroutine_activity *goroutines;
	const struct lock_activity *locks;
	const struct memory_activity *memory;
	const struct c_heap *c_heap;
	const struct thread_activity *threads;
	const struct oncpu_look *oncpu;
	/*
	 * What they say is wrong, as far as is known now: most severe first. group is
	 * FINDING_NO_GROUP where it belongs to none of the snapshot's.
	 */
	const struct finding *findings;
	uint32_t n_findings;
	uint64_t lost;		/* of all collectors, in this interval */
};
