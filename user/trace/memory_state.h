/* SPDX-License-Identifier: Apache-2.0 */
/* What memory.c and memory_pace.c share of a memory collector. */
#pragma once

#include <pthread.h>
#include <stdint.h>

#include "bpf/events.h"
#include "memory.skel.h"
#include "trace/bpf_load.h"

struct collecting;
struct ring_buffer;

struct memory_trace {
	struct memory_bpf *skel;
	struct ring_buffer *ring;
	struct trace_pair pair;
	struct collecting *collecting;		/* while the ring is drained */
	uint64_t counts[EV_MEMORY_COUNTS];	/* at the last collect */
	double syscall_ns;			/* that a system call costs more while it is armed */
	/* Of the pace, under the lock: its thread arms and disarms. */
	pthread_mutex_t lock;
	uint64_t armed_since_ns, armed_ns;	/* 0: it is off; of all time before that */
	uint64_t priced_hits;			/* at the last load */
	double priced_ns, hit_ns;
};

/* Measures syscall_ns, with this process's own calls. Takes some milliseconds. */
void memory_price(struct memory_trace *m);
