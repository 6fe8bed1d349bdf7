/* SPDX-License-Identifier: Apache-2.0 */
/* Which line of a stack its owner would point at. Pure. */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "model/goroutine.h"

/*
 * The innermost frame of the program's own code: outside Go's standard library and none of cgo's
 * wrappers, or inside the main module when its name (NULL unknown) looks like a part of that
 * library. When there is none, the outermost frame outside the runtime, for what the standard
 * library's own goroutines are for is said by the function they run
 * (net/http.(*persistConn).readLoop); failing that, the innermost frame. NULL for an empty stack.
 */
const struct frame *site_frame(const struct stack *s, const char *module);

/* Is this function the program's own, as site_frame() understands it? NULL is not. */
bool site_is_own(const char *function, const char *module);

/* Is this function part of Go's runtime ("runtime.gopark")? NULL is not. */
bool site_is_runtime(const char *function);

/* The last component of a path; "" stays "". */
const char *site_base_name(const char *path);

/* "main.f file.go:12", as far as it is known. NULL when f is NULL or memory is short. */
const char *site_string(struct arena *a, const struct frame *f);
