/* SPDX-License-Identifier: Apache-2.0 */
/* What happened to the daemon since it began, counted by whatever thread it happened to. */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

#include "model/node_self.h"

struct config;

struct counts {
	double start_time_s;	/* since 1970 */
	char node[256];		/* name of the machine; empty: unknown */
	atomic_uint_fast64_t looks, looks_failed;
	atomic_uint_fast64_t memory_shed;	/* all was forgotten, so as to keep to the cap */
	atomic_uint_fast64_t reloads, reloads_failed;
};

/* Nothing has happened; it begins now, on this machine. */
void counts_init(struct counts *c);

static inline void count(atomic_uint_fast64_t *what)
{
	atomic_fetch_add_explicit(what, 1, memory_order_relaxed);
}

static inline uint64_t counted(const atomic_uint_fast64_t *what)
{
	return atomic_load_explicit(what, memory_order_relaxed);
}

/* What is told of the daemon itself; strings are those of counts and config. */
void counts_fill(const struct counts *c, const struct config *config, struct node_self *ret);
