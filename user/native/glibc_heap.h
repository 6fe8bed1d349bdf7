/* SPDX-License-Identifier: Apache-2.0 */
/* The whole of glibc's heap: its arenas one after the other, and the chunks beside them. */
#pragma once

#include "base/arena.h"
#include "model/c_memory.h"

struct allocator;
struct c_heap_source;
struct c_ranges;

/*
 * Fills the numbers, arenas and notes of ret, and adds to ranges. src->max_walk_bytes must be set.
 * -ENODATA: there is no main arena in the allocator's file. 0, and ret->counted stays false, when
 * its ring of arenas makes no sense. -ESRCH, -EPERM, -ENOMEM.
 */
int glibc_heap_read(const struct c_heap_source *src, const struct allocator *allocator,
		    struct arena *a, struct c_ranges *ranges, struct c_memory *ret);

/* Adds a note, once; the text is borrowed. */
void c_memory_note(struct c_memory *m, const char *text);
