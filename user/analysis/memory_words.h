/* SPDX-License-Identifier: Apache-2.0 */
/* How findings on memory are put together. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "model/snapshot.h"

#define MIB 1048576.0
/* Less than this of a process is of no interest, and neither is less than that share of its RSS. */
#define WORTH_BYTES (8 * MIB)
#define WORTH_SHARE 0.1

enum { MEMORY_FOUND_MAX = 16, MEMORY_LINES_MAX = 8 };

/* Findings under construction; `failed`: memory was short, and is checked once at the end. */
struct memory_found {
	struct arena *arena;
	struct finding *all;
	uint32_t n;
	bool failed;
	const char **lines;	/* evidence of the last one */
};

/* -ENOMEM */
int memory_found_init(struct memory_found *f, struct arena *a);
/* 0 and the list; -ENOMEM. */
int memory_found_end(struct memory_found *f, const struct finding **ret, uint32_t *n);

/* Begins a finding; what is not given is for the caller to fill in. */
struct finding *memory_found_add(struct memory_found *f, const char *pattern, enum verdict v,
				 double bytes, const char *summary, ...)
	__attribute__((format(printf, 5, 6)));

/* Adds a line of evidence to it. */
void memory_found_say(struct memory_found *f, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* "3.4 MiB", as amount_bytes() has it; never NULL. */
const char *memory_bytes(struct memory_found *f, double bytes);
