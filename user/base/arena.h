/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bump allocator: everything in one snapshot is freed at once. Memory comes zeroed, 2 GiB at most.
 */
#pragma once

#include <stddef.h>

#include "base/cleanup.h"

struct arena;

/* NULL when memory is short. */
struct arena *arena_new(void);
/* Frees all that was allocated from it. Accepts NULL. */
void arena_free(struct arena *a);
DEFINE_CLEANUP(struct arena, arena_free)

/* Bytes that it takes. */
size_t arena_bytes(const struct arena *a);

/* Zeroed, 16-byte aligned; NULL when memory is short or count * size overflows. */
void *arena_alloc(struct arena *a, size_t count, size_t size);

/* A NUL-terminated copy of n bytes; NULL when memory is short. */
char *arena_strndup(struct arena *a, const char *s, size_t n);
char *arena_strdup(struct arena *a, const char *s);
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Like arena_strndup(), but equal strings share one copy, so pointers may be compared. */
const char *arena_intern(struct arena *a, const char *s, size_t n);
