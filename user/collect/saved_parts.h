/* SPDX-License-Identifier: Apache-2.0 */
/* Values of a saved snapshot's JSON (json_stream.h) into struct saved. */
#pragma once

#include "collect/json_stream.h"
#include "model/saved.h"

/* A list under construction, whose elements are the caller's kind. */
struct saved_list {
	void *all;
	size_t n, room;
};

struct saved_reader {
	struct saved *s;
	bool schema;		/* seen, and ours */
	struct saved_list groups, goroutines, parts, go, c, retained_by, retained_at,
		heap_by_type, heap_sites, by_kind, thread_sites;
};

/* The arg of its functions is a struct saved_reader. */
extern const struct json_row saved_rows[];

/* Elements of groups and of goroutine_list (saved_groups.c). */
int saved_tell_group(void *arg, struct json_object *v, struct diag *d);
int saved_tell_goroutine(void *arg, struct json_object *v, struct diag *d);

/* Milliseconds since 1970 of "2026-11-21T20:00:00.123Z"; WAIT_UNKNOWN where that is none. */
int64_t saved_time_ms(const char *text);
