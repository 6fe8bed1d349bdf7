/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Probes on the Go scheduler: where goroutines park and for how long, who wakes them, which go
 * statements make them and which of those end. A hit costs the target about a microsecond, so the
 * probes are meant to be on for moments (trace/burst.h), as the budget allows (trace/governor.h).
 *
 * What is not seen: a goroutine that the network poller makes runnable, which happens in a list
 * and not by runtime.ready; it shows as the next park of the same goroutine.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "model/traced_goroutine.h"
#include "trace/site.h"

struct calibration;
struct goroutine_trace;
struct pace_collector;
struct trace_target;

/* A function of the runtime, in its file; len 0: there is none, and that kind is not traced. */
struct goroutine_function {
	uint64_t offset;
	uint32_t len;
};

struct goroutine_trace_config {
	/* The file that holds the runtime, as the kernel can open it: "/proc/PID/exe". */
	const char *path;
	/*
	 * TRACED_PARK runtime.gopark, TRACED_READY runtime.ready, TRACED_BIRTH runtime.newproc1,
	 * TRACED_DEATH runtime.gdestroy (Go 1.22) or runtime.goexit0.
	 */
	struct goroutine_function functions[TRACED_KINDS];
	int32_t g_waiting, sudog_c;	/* of the layout; negative: selects have no object */
	/* Wait reasons ("chan receive", "chan send") whose lock is that of a channel; -1 none. */
	int16_t chan_reasons[2];
	uint32_t chan_lock;	/* bytes from an hchan to its lock, its last word: size - 8 */
	uint32_t sample_every;	/* one event of so many hits; 0 none */
	uint32_t max_sites;	/* that are counted between two collects; 0: 8192 */
	uint32_t ring_bytes;	/* of the ring buffer, a power of two, a page or more; 0: 1 MiB */
	/* Probe all processes of the file and count this one's: see calibration.pid_covers_threads. */
	bool all_pids;
	bool no_multi;		/* do as on a kernel without uprobe_multi: for tests */
};

/*
 * Loads, and chooses the sites; nothing is probed yet. t->go must be filled. -EPERM, -EOPNOTSUPP
 * with the sentence, -ENOMEM, the errno of reading the file.
 */
int goroutine_trace_open(const struct trace_target *t, const struct goroutine_trace_config *c,
			 struct goroutine_trace **ret, struct diag *d);
void goroutine_trace_close(struct goroutine_trace *g);
DEFINE_CLEANUP(struct goroutine_trace, goroutine_trace_close)

/*
 * Probes on, and off; what is hit after the one has returned and before the other is called is
 * counted. Arming twice is one arming. Slow (8 and 30 ms): for a thread of their own, which need not
 * be that of goroutine_trace_collect(), but one at a time. -EPERM, -EOPNOTSUPP, -ESRCH.
 */
int goroutine_trace_arm(struct goroutine_trace *g, struct diag *d);
void goroutine_trace_disarm(struct goroutine_trace *g);

/* What was counted since the last call, into the arena. 0 or -errno. */
int goroutine_trace_collect(struct goroutine_trace *g, struct arena *a,
			    struct traced_goroutine *ret);

/* Of all time: for the governor. */
struct goroutine_trace_load {
	uint64_t hits[TRACED_KINDS];	/* that were counted, in armed_ns */
	uint64_t outside;	/* while the probes were going on or off: they cost as well */
	uint64_t armed_ns;
};
/* 0 or -errno. */
int goroutine_trace_load(struct goroutine_trace *g, struct goroutine_trace_load *ret);
/* Where a kind is probed; NULL when it is not. */
const struct probe_site *goroutine_trace_site(const struct goroutine_trace *g,
					enum traced_goroutine_kind kind);
/* One link for all sites, or a perf event for each? */
bool goroutine_trace_is_multi(const struct goroutine_trace *g);

/* What pace_add() wants, for running it at a pace; both arguments outlive that. */
void goroutine_trace_collector(struct goroutine_trace *g, const struct calibration *c,
			       struct pace_collector *ret);
