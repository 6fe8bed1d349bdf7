/* SPDX-License-Identifier: Apache-2.0 */
/* What happened to the daemon since it began, counted by whatever thread it happened to. */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

struct counts {
	atomic_uint_fast64_t looks, looks_failed;
	atomic_uint_fast64_t memory_shed;	/* all was forgotten, so as to keep to the cap */
	atomic_uint_fast64_t reloads, reloads_failed;
};

static inline void count(atomic_uint_fast64_t *what)
{
	atomic_fetch_add_explicit(what, 1, memory_order_relaxed);
}

static inline uint64_t counted(atomic_uint_fast64_t *what)
{
	return atomic_load_explicit(what, memory_order_relaxed);
}
