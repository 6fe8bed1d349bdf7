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

/*
 * The same for a stack that may have C in it: what the C library, the C++ one and the loader do for
 * the program is passed over too, as far as its names tell. Failing that, the innermost frame with
 * a name.
 */
const struct frame *site_frame_mixed(const struct stack *s, const char *module);

/* Is this function the program's own, as site_frame() understands it? NULL is not. */
bool site_is_own(const char *function, const char *module);

/* Is this function part of Go's runtime ("runtime.gopark")? NULL is not. */
bool site_is_runtime(const char *function);

/* The last component of a path; "" stays "". */
const char *site_base_name(const char *path);

/* "main.f file.go:12", as far as it is known. NULL when f is NULL or memory is short. */
const char *site_string(struct arena *a, const struct frame *f);

/*
 * "a x.c:1, called by b x.c:2, c x.c:3": at most max frames, from the innermost on. NULL when there
 * are none or memory is short.
 */
const char *site_chain(struct arena *a, const struct stack *s, uint32_t max);

/*
 * Leaves out what stands below the code of a C program: how its library starts a thread, and how Go
 * calls C. One frame stays.
 */
void site_cut_start(struct stack *s);

/* Is this function among the frames? */
bool site_stack_has(const struct stack *s, const char *function);

/* Of a goroutine in a system call: is it one of cgo's, and the thread in C? */
bool site_is_in_c(const struct stack *s);
