/* SPDX-License-Identifier: Apache-2.0 */
/* Chunks that threads keep for themselves, by the structs that hold them, which are chunks too. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "native/glibc_arena.h"

/* The counts alone: nearly all of what is as large fails here. `bytes` holds TCACHE_BYTES. */
bool glibc_tcache_counts(const uint8_t *bytes, const struct glibc_params *p);

/*
 * Bytes of the chunks that a struct tcache_perthread_struct holds, 0 when it is none: a chunk of
 * its size must stand at the head of every bin. Negative: glibc_fatal().
 */
int64_t glibc_tcache_read(const struct glibc_source *s, const uint8_t *bytes);
