/* SPDX-License-Identifier: Apache-2.0 */
/*
 * C allocations in bursts: malloc() and its like, and free(), of a process's glibc. While probes
 * are in place each call traps, so a burst lasts some milliseconds and the next one begins at a
 * time that is not a multiple of anything; the caller keeps the time. One thread may run the bursts
 * and another collect.
 */
#pragma once

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "model/traced_mallocs.h"

struct mallocs_trace;
struct process;
struct trace_target;

struct mallocs_trace_args {
	uint32_t sample_every;	/* one allocation in so many, at random; 0 or 1: all */
	uint32_t slots;		/* sampled and alive at a time, 2.7 KiB each; 0: 2048 */
	bool no_session;	/* as on a kernel before 6.13: for tests */
	/*
	 * Before Linux 6.11 a link for one process sees its first thread alone: then it is for all
	 * that use the file, which trap, and the programs choose. See calibration.pid_covers_threads.
	 */
	bool for_all;
};

/*
 * Finds the C library and loads; nothing is probed yet. `p` must outlive it. -EOPNOTSUPP: not
 * glibc, or a kernel before 6.6, whose uprobes come off too slowly; -ENODATA: no C library; -EPERM,
 * -ENOMEM; all with the sentence.
 */
int mallocs_trace_open(const struct process *p, const struct trace_target *t,
		       const struct mallocs_trace_args *args, struct mallocs_trace **ret,
		       struct diag *d);
void mallocs_trace_close(struct mallocs_trace *m);
DEFINE_CLEANUP(struct mallocs_trace, mallocs_trace_close)

/*
 * Starts a burst: waits until the last one's probes are off, attaches all sites, then records.
 * Some 10 ms.
 */
int mallocs_trace_arm(struct mallocs_trace *m, struct diag *d);
/*
 * Ends it: nothing is recorded from here on; the probes come off on threads of their own. Takes
 * some 10 ms, for what survivors begin with is looked at when it has been filled in.
 */
void mallocs_trace_disarm(struct mallocs_trace *m);

/*
 * What the bursts that ended since the last call saw, into the arena. Looks into the heap once for
 * every survivor that is followed. 0 or -errno.
 */
int mallocs_trace_collect(struct mallocs_trace *m, struct arena *a, struct traced_mallocs *ret);

/*
 * Is a survivor with that address, header and print what it was, as far as the heap says? 1 or 0;
 * -EAGAIN: the heap was just changing; -ESRCH, -ENOMEM.
 */
int mallocs_trace_stands(struct mallocs_trace *m, uint64_t addr, uint64_t header, uint64_t print);
/* One survivor is of no more interest: no end of it will be told. */
void mallocs_trace_forget(struct mallocs_trace *m, uint64_t id);

/* Of all time; may be asked by any thread. 0 or -errno. */
struct mallocs_trace_load {
	uint64_t entry_hits, return_hits;	/* in armed_ns */
	uint64_t outside;
	uint64_t armed_ns;
	int programs[3];
	size_t n_programs;
};
int mallocs_trace_load(struct mallocs_trace *m, struct mallocs_trace_load *ret);

struct calibration;
struct pace_collector;
/* The collector as trace/pace.h runs it; c is borrowed. */
void mallocs_trace_collector(struct mallocs_trace *m, const struct calibration *c,
			     struct pace_collector *ret);

/*
 * How long to wait after a burst for the next one, so that bursts come every period_ns in the mean:
 * between half and one and a half of it, for a burst that beats with a program's own rhythm sees
 * the same part of it again and again. `random` is any 64 random bits.
 */
uint64_t mallocs_trace_gap_ns(uint64_t period_ns, uint64_t random);
