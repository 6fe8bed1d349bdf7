/* SPDX-License-Identifier: Apache-2.0 */
/* Which C allocator a process uses: by the files it has mapped, and by its own symbols. */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "model/c_memory.h"

struct maps;
struct mapping;
struct process;

struct allocator {
	enum c_allocator which;
	const char *evidence;	/* a file's name or a symbol, in the arena; NULL none */
	unsigned int glibc_minor;	/* 36 for glibc 2.36; 0 unknown */
	bool is_static;		/* it is in the program itself, not in a library */
	/* An executable mapping of the file that has it; NULL: none was found. */
	const struct mapping *file;
	/* Another one that is in the process as well, under names of its own. */
	enum c_allocator also;
};

/*
 * `p` may be NULL: then files are not opened. A program that is linked statically and stripped is
 * C_ALLOCATOR_UNKNOWN, with its own mapping as the file: glibc's arenas may be in its data.
 * -ENOMEM.
 */
int allocator_find(const struct process *p, const struct maps *maps, struct arena *a,
		   struct allocator *ret);

/* The allocator that a library of this name is; UNKNOWN. */
enum c_allocator allocator_of_library(const char *name);
/* The minor version of glibc that stands in its bytes; 0. */
unsigned int allocator_glibc_minor(const char *bytes, size_t len);
