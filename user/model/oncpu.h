/* SPDX-License-Identifier: Apache-2.0 */
/* What a process does on the CPUs, with names: one interval, and who has been there all along. */
#pragma once

#include <stdint.h>

#include "model/goroutine.h"

/* Samples alike in stack, of however many goroutines. The innermost frame is a whole function. */
struct oncpu_site {
	uint64_t samples;
	uint64_t in_kernel;	/* of those: inside a system call or fault made here */
	uint64_t goroutines;	/* different ones; 0: threads without any */
	struct stack stack;
};

/* A goroutine that was on a CPU all the time that it was watched. */
struct busy_goroutine {
	uint64_t goid;
	double seconds;		/* for at least this long */
	uint64_t samples;	/* that met it, */
	double expected;	/* of so many that were taken */
	uint64_t function;	/* entry of the innermost one that all samples were inside */
	struct frame at;	/* that function; function NULL: unknown */
};

struct oncpu_look {
	uint64_t samples;	/* of the process; each stands for 1/hz s of one CPU */
	uint64_t lost;
	unsigned int hz;
	const struct oncpu_site *sites;	/* most samples first */
	uint32_t n_sites;
	const struct busy_goroutine *busy;	/* longest first */
	uint32_t n_busy;
};
