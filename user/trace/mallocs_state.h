/* SPDX-License-Identifier: Apache-2.0 */
/* What mallocs.c and mallocs_pace.c share: the inside of a mallocs_trace. */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "bpf/events.h"
#include "mallocs.skel.h"
#include "trace/libc_sites.h"
#include "trace/mallocs.h"

struct calibration;
struct follow;
struct mem;

enum { MALLOCS_LINKS = 2 };

/* A link is taken off by a thread of its own: that waits some 30 ms for the kernel's readers. */
struct mallocs_closer {
	pthread_t thread;
	int fd;
	bool running;
};

struct mallocs_trace {
	pthread_mutex_t lock;			/* bursts may be run by a thread of their own */
	struct mallocs_bpf *skel;
	struct libc_sites libc;
	struct mem *heap;
	struct follow *follow;
	pid_t pid;
	bool session;				/* one link is enough */
	int links[MALLOCS_LINKS];		/* while armed, else 0 */
	struct mallocs_closer closers[MALLOCS_LINKS];
	struct ev_malloc_slot *slots;		/* mapped, n_slots of them */
	size_t n_slots, slots_len;
	uint64_t *fates;			/* mapped */
	struct ev_malloc_slot *pending;		/* survivors that nobody has collected */
	uint64_t *pending_ids, *pending_prints;
	uint64_t *prints;			/* by slot: of the contents after the last burst; 0 unknown */
	size_t n_pending;
	uint64_t lost, young;
	uint64_t attach_ns, arm_ns;		/* when the current burst began to; 0: none */
	uint64_t young_from_ns;			/* in the last burst */
	bool unsettled;				/* the last burst's survivors are still in the map */
	unsigned int bursts;			/* since the last collect, as the next two */
	uint64_t armed_ns, attached_ns;
	uint64_t all_armed_ns;			/* of all time */
	const struct calibration *calibration;	/* for the pace; borrowed */
	uint64_t counts[EV_MALLOC_COUNTS];	/* at the last collect */
};

/*
 * After a burst, with the lock held: what its survivors begin with, into m->prints. Programs that
 * are still under way may take some out of the map meanwhile, and what cannot be read stays unknown.
 */
void mallocs_print_survivors(struct mallocs_trace *m);
