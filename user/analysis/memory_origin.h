/* SPDX-License-Identifier: Apache-2.0 */
/* Whose memory it is that a stack asks for, and which line of it its owner would point at. Pure. */
#pragma once

#include "model/activity.h"

/*
 * By the functions between the system call (or the page fault) and the first that is none of the C
 * library's, of an allocator's or of Go's system call packages. *at: the frame to point at; NULL
 * for an empty stack. module: the main module of a Go program, or NULL.
 */
enum memory_origin memory_origin(const struct stack *s, const char *module,
				 const struct frame **at);
