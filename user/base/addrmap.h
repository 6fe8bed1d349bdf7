/* SPDX-License-Identifier: Apache-2.0 */
/* A hash map from 64-bit values (addresses, hashes) to small numbers; open addressing, seeded. */
#pragma once

#include <stdint.h>

#include "base/cleanup.h"

struct addrmap;

/* What a target cannot know, so that it cannot make keys that collide. */
uint64_t addrmap_seed(void);

/* NULL when memory is short. */
struct addrmap *addrmap_new(void);
void addrmap_free(struct addrmap *m);
DEFINE_CLEANUP(struct addrmap, addrmap_free)

/* 0 and *ret, or -ENOENT. */
int addrmap_get(const struct addrmap *m, uint64_t key, uint32_t *ret);
/* Adds or replaces. -ENOMEM. */
int addrmap_put(struct addrmap *m, uint64_t key, uint32_t value);
uint32_t addrmap_count(const struct addrmap *m);
void addrmap_clear(struct addrmap *m);
