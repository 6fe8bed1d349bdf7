/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON objects through json-c, with the contract's rules in one place: unknown is null or absent
 * and never 0, and target bytes become valid UTF-8 before json-c sees them.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include <json-c/json.h>

#include "model/snapshot.h"

/*
 * An object or array under construction. `failed` is sticky (memory was short): whoever prints it
 * checks once, so that an absent value is never a failure in disguise.
 */
struct jvalue {
	struct json_object *o;
	bool failed;
};

struct jvalue jvalue_object(void);
struct jvalue jvalue_array(void);
void jvalue_done(struct jvalue *j);

/* Keys are literals or live as long as the object, and are new to it. */
void jvalue_bool(struct jvalue *j, const char *key, bool v);
void jvalue_null(struct jvalue *j, const char *key);
void jvalue_u64(struct jvalue *j, const char *key, uint64_t v);
/* null when 0 */
void jvalue_u64_known(struct jvalue *j, const char *key, uint64_t v);
/* null when negative (WAIT_UNKNOWN) */
void jvalue_count(struct jvalue *j, const char *key, int64_t v);
void jvalue_i64(struct jvalue *j, const char *key, int64_t v);
/* A number of seconds or milliseconds with three decimals: no more were measured. */
void jvalue_milli(struct jvalue *j, const char *key, int64_t thousandths);
/*
 * Any number, with `decimals` (at most 9) of them; null when it is not finite or beyond what these
 * leave room for.
 */
void jvalue_real(struct jvalue *j, const char *key, double v, unsigned int decimals);
/* The same from nanoseconds into seconds; null when WAIT_UNKNOWN. */
void jvalue_age(struct jvalue *j, const char *key, int64_t ns);
/* A time left from nanoseconds into seconds, negative overdue; null when TIME_UNKNOWN. */
void jvalue_time_left(struct jvalue *j, const char *key, int64_t ns);
/* Target bytes; null when NULL. */
void jvalue_string(struct jvalue *j, const char *key, const char *s);
/* "0x..." (a JSON number loses bits beyond 2^53); null when 0. */
void jvalue_addr(struct jvalue *j, const char *key, uint64_t addr);
/* Takes the value; passes its failure on. */
void jvalue_put(struct jvalue *j, const char *key, struct jvalue *v);
/* Adds to the number under a key of target bytes, for two names may look alike when repaired. */
void jvalue_add_count(struct jvalue *j, const char *key, uint64_t v);
/* A string under a key of target bytes. */
void jvalue_add_string(struct jvalue *j, const char *key, const char *s);
/* To an array. */
void jvalue_append_string(struct jvalue *j, const char *s);
void jvalue_append_u64(struct jvalue *j, uint64_t v);
void jvalue_append(struct jvalue *j, struct jvalue *v);

/* Writes it on one line and frees it. 0, -ENOMEM when it failed, -EIO. */
int jvalue_print(struct jvalue *j, FILE *out);

/* As a member after another one of an object that is written piece by piece. As jvalue_print(). */
int json_member(FILE *out, const char *key, struct jvalue *v);
/* An array as such a member, an element a line, however many there are: none is kept. */
int json_array_member(FILE *out, const char *key, const void *of, uint64_t n,
		      struct jvalue (*element)(const void *of, uint64_t i));

/* "2026-07-31T09:24:50.123Z", into buf of JSON_TIME bytes; NULL for what no calendar has. */
enum { JSON_TIME = 64 };
const char *json_time(const struct timespec *t, char *buf);

/* Parts of the contract (json_parts.c). */
struct jvalue json_frame(const struct frame *f);
struct jvalue json_stack(const struct stack *s);
struct jvalue json_labels(const struct label *labels, uint32_t n);
struct jvalue json_blocked_on(const struct wait_object *w);
/* Of group i of the snapshot: 16 hex digits, for JSON numbers lose bits; null where there is none. */
void json_group_id(struct jvalue *j, const char *key, const struct snapshot *s, uint32_t i);
struct jvalue json_finding(const struct snapshot *s, const struct finding *f);
/* The same with the id of its group as it is written; NULL: none. */
struct jvalue json_finding_of(const struct finding *f, const char *group);
