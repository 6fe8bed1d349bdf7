/* SPDX-License-Identifier: Apache-2.0 */
/* One collector each, as trace_check.c runs it. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/diag.h"

struct process;
struct trace_target;

struct checker {
	const char *name;
	int (*start)(const struct process *p, const struct trace_target *t, int argc, char **argv,
		     struct diag *d);
	/* Writes JSON. -EINVAL: no such command. */
	int (*answer)(const char *command, FILE *f);
	/* Also when start() failed or never ran. */
	void (*stop)(void);
};

extern const struct checker memory_checker, thread_checker, mallocs_checker, heap_checker;

struct go_runtime;
/* Of the process; NULL when it is not Go. */
struct go_runtime *check_runtime(void);

/* `"go": [...]`, the names of Go functions: a pc, then return addresses. */
void print_go(FILE *f, const uint64_t *pcs, size_t n);
/* `"pcs": [...]` */
void print_pcs(FILE *f, const uint64_t *pcs, size_t n);
