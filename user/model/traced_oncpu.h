/* SPDX-License-Identifier: Apache-2.0 */
/* What the threads of a process did while they were on a CPU, as samples of one interval. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Samples alike in goroutine, stack and place. */
struct traced_oncpu_site {
	uint64_t goid;		/* 0: not Go, or no goroutine known */
	pid_t tid;		/* of the first pid namespace; 0 where goid tells */
	uint64_t samples;
	bool in_kernel;		/* inside a system call or fault; pcs[0] is where it entered */
	bool on_g0;		/* the runtime's or C code, on the system stack of goid's thread */
	bool whole;		/* the stack's end was reached */
	const uint64_t *pcs;	/* innermost first: a pc, then return addresses */
	size_t n_pcs;
	/*
	 * What the stack pointer pointed at, where that is Go code, else 0: a function that has no
	 * frame at pcs[0], a leaf or one that is just beginning, was called from here, and the
	 * frame pointers, so pcs[1], know nothing of it.
	 */
	uint64_t at_sp;
};

struct traced_oncpu {
	struct traced_oncpu_site *sites;	/* most samples first */
	size_t n_sites;
	uint64_t samples;	/* of the interval; each stands for 1/hz s of one CPU */
	uint64_t lost;		/* of those, not in any site: there were too many different stacks */
	unsigned int hz;
};
