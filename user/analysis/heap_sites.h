/* SPDX-License-Identifier: Apache-2.0 */
/* What the recorded objects of a heap profile stand for. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "model/heap_profile.h"

struct heap_estimate {
	int64_t alloc_objects, alloc_bytes, inuse_objects, inuse_bytes;
};

/*
 * The estimate that runtime/pprof makes of one site, rounded as it does: each recorded object
 * stands for as many as its chance to be recorded leaves out.
 */
struct heap_estimate heap_site_estimate(const struct heap_profile *p, const struct heap_site *s);
/* Of all sites together. */
struct heap_estimate heap_profile_estimate(const struct heap_profile *p);

/* Sites of one stack, whatever the sizes of their objects. */
struct heap_stack {
	const struct heap_site *site;	/* one of them, for its stack */
	struct heap_estimate all;
};

/*
 * The sites put together by stack, most bytes in use first, then most allocated: to be freed by
 * the caller. -ENOMEM.
 */
int heap_stacks(const struct heap_profile *p, struct heap_stack **ret, size_t *n);
