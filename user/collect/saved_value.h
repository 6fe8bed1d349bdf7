/* SPDX-License-Identifier: Apache-2.0 */
/* Values of JSON that anybody wrote, as ours; what is of another type is unknown. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "collect/saved_parts.h"

/* NULL when o is no object, or has none of that name. */
struct json_object *saved_member(struct json_object *o, const char *key);

/* Borrowed, up to its first NUL; NULL for what is no string, or empty. */
const char *saved_text(struct json_object *v);

/* A copy of it, LIMIT_NAME bytes at most, which equal ones share; *ret NULL: none. -ENOMEM. */
int saved_copy(struct saved_reader *r, struct json_object *v, const char **ret);

/*
 * A whole number that is not negative. WAIT_UNKNOWN for all else, and for what is more than
 * LIMIT_SAVED_VALUE.
 */
int64_t saved_count(struct json_object *v);
uint64_t saved_count_or_0(struct json_object *v);

/* Thousandths of any number that is not negative; WAIT_UNKNOWN. */
int64_t saved_milli(struct json_object *v);

/* 16 hexadecimal digits; 0: they are not. */
uint64_t saved_hex(struct json_object *v);

/* A zeroed place for one more element; NULL with *err when there is none. */
void *saved_add(struct saved_list *l, size_t size, size_t limit, int *err, struct diag *d);

/* --- Stacks --- */

/* A hash that goes on; s may be NULL. */
uint64_t saved_hash(uint64_t hash, const char *s);

/* Its strings are borrowed. */
struct frame saved_frame(struct json_object *v);

/* Adds a stack to both hashes: `id` knows lines, `like` functions alone. */
void saved_hash_stack(struct json_object *v, uint64_t *id, uint64_t *like);

/* All of it, which equal ones share. -ENOMEM. */
int saved_stack(struct saved_reader *r, struct json_object *v, struct stack *ret);

/* The line of a stack that its owner would point at, c: of one in C; *ret NULL: none. -ENOMEM. */
int saved_site_of(struct saved_reader *r, struct json_object *v, bool c, const char **ret);
