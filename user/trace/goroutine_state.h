/* SPDX-License-Identifier: Apache-2.0 */
/* What goroutine.c and goroutine_collect.c share: the inside of a goroutine_trace. */
#pragma once

#include <pthread.h>
#include <time.h>

#include "trace/bpf_load.h"
#include "trace/goroutine.h"
#include "trace/uprobes.h"

/* Bursts that are kept from collect to collect: at the governor's pace there are one or two a second. */
enum { GOROUTINE_BURSTS = 32 };

struct goroutine_bpf;
struct ring_buffer;

struct goroutine_trace {
	struct goroutine_bpf *bpf;
	struct uprobe_point points[TRACED_KINDS];
	size_t n_points;
	struct probe_site sites[TRACED_KINDS];
	bool probed[TRACED_KINDS];
	struct goroutine_trace_config config;
	char *path;
	int pid;
	bool multi;

	const struct calibration *calibration;	/* with goroutine_trace_collector() */

	struct trace_pair records;
	struct ring_buffer *ring;
	struct goroutine_drain *drain;	/* while a collect is under way */
	uint64_t counts[16];		/* of EV_GOROUTINE_COUNTS, as of the last collect */
	uint64_t seen_ns;		/* of armed time, likewise */

	clockid_t target_clock;		/* of the CPU time of the target */
	uint64_t armed_hits[TRACED_KINDS];	/* of all bursts that have ended */
	uint64_t armed_cpu_ns;		/* the target's, when the burst began */
	uint32_t burst;			/* its number, 1 to 65535 in turn; see goroutine.bpf.c */

	pthread_mutex_t lock;		/* for what follows: armed and collected by two threads */
	struct uprobes *probes;		/* NULL: off */
	uint64_t armed_since_ns, armed_ns;
	struct traced_burst bursts[GOROUTINE_BURSTS];	/* since the last collect */
	uint64_t n_bursts;		/* of all; the last ones stand, each at its number's place */
};

/* How long the probes have been on, the present time included. */
uint64_t goroutine_trace_armed_ns(struct goroutine_trace *g);
/* Called by libbpf for each event of the ring buffer; arg is the trace. */
int goroutine_take_event(void *arg, void *data, size_t len);
