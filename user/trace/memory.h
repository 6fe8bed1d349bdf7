/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a process asks of the kernel's memory: mappings, the break, advice and page faults, by
 * site.
 *
 * The kernel has one tracepoint for all system calls, of all processes: while it is on, each costs
 * 0.1 to 0.2 us more. That is much for what makes little else but short ones, so it may be armed
 * for a part of the time. A page fault that is given to its site costs 1 us more, in the target, and
 * another one a tenth of that; what shows resident memory, 0.2 us a fault.
 */
#pragma once

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "model/traced_memory.h"

struct memory_trace;
struct pace_collector;
struct process;
struct trace_target;

struct memory_trace_args {
	uint64_t brk;			/* where the break stands now; 0: not known */
	/*
	 * One page fault in so many is given to its site, where it stands for as many; 0: each is.
	 * Of those, one in fault_sample_every comes with its stack; 0: none.
	 */
	uint32_t fault_site_every, fault_sample_every;
	uint32_t ring_bytes;		/* a power of two, of pages; 0: 1 MiB, some 380 samples */
	uint32_t samples_per_site;	/* in one interval; 0: all calls but the faults */
};

/* The end of the heap that the maps show, which is the break but for less than a page; 0: none. */
uint64_t memory_trace_brk(const struct process *p);

/* Loads; nothing is traced yet. -EPERM, -EOPNOTSUPP with the sentence, -ENOMEM. */
int memory_trace_open(const struct trace_target *t, const struct memory_trace_args *args,
		      struct memory_trace **ret, struct diag *d);
void memory_trace_close(struct memory_trace *m);
DEFINE_CLEANUP(struct memory_trace, memory_trace_close)

enum memory_trace_parts {
	MEMORY_TRACE_SYSCALLS = 1,	/* mmap, munmap, mremap, brk, madvise */
	MEMORY_TRACE_FAULTS = 2,
	MEMORY_TRACE_RSS = 4,		/* the peaks */
	MEMORY_TRACE_ALL = 7,
};

/*
 * Starts these parts; those that are on already stay on. A kernel without the tracepoint of page
 * faults or of rss_stat is no failure: those stay zero. -EPERM, -EOPNOTSUPP: none of them is on.
 */
int memory_trace_arm(struct memory_trace *m, unsigned int parts, struct diag *d);
/*
 * Ends these parts. What happens to the break while system calls are not traced is seen as one
 * step by the next brk().
 */
void memory_trace_disarm(struct memory_trace *m, unsigned int parts);

/*
 * What happened since the last call, into the arena. The totals are taken after the sites: what
 * happens in between is in the site of the next call. 0 or -errno.
 */
int memory_trace_collect(struct memory_trace *m, struct arena *a, struct traced_memory *ret);

/*
 * All of it at a pace: what pace_add() wants. The price of a hit is mostly that of
 * the kernel's slow way through each system call, which memory_trace_open() has measured here.
 */
void memory_trace_collector(struct memory_trace *m, struct pace_collector *ret);
/* That price, in nanoseconds. */
double memory_trace_syscall_ns(const struct memory_trace *m);
