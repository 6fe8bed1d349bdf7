/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables of many megabytes that are read in no order: in huge pages where the kernel has them, for
 * else each look at one is a miss in the TLB as well. A page that is never touched takes no memory,
 * so one may be asked for by an upper bound.
 */
#pragma once

#include <stddef.h>

/* All zero. NULL when memory is short. Freed with the same number of bytes; NULL is accepted. */
void *bulk_alloc(size_t bytes);
void bulk_free(void *p, size_t bytes);
