/* SPDX-License-Identifier: Apache-2.0 */
/* The variables of one ELF file by address, out of its .symtab. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/cleanup.h"

struct elf_image;

struct variable_symbol {
	uint64_t addr, size;	/* the file's own address */
	uint32_t name;		/* offset among the strings */
};

struct variables {
	struct variable_symbol *all;	/* ascending by address, not overlapping */
	size_t n;
	int fd;				/* of the image, borrowed */
	uint64_t strings, strings_size;
};

/*
 * Those that begin in [start, end) of one of the ranges and have a size. The image must outlive it.
 * -ENODATA no symbols; -EFAULT, -ENOMEM; -E2BIG more than LIMIT_VARIABLES.
 */
int variables_read(struct elf_image *e, const uint64_t (*ranges)[2], size_t n_ranges,
		   struct variables **ret);
void variables_free(struct variables *v);
DEFINE_CLEANUP(struct variables, variables_free)

/* The one that covers the file's address; NULL none. */
const struct variable_symbol *variables_find(const struct variables *v, uint64_t addr);
/* Its name, raw bytes of the file's, cut at LIMIT_NAME; NULL unreadable, or memory is short. */
const char *variables_name(const struct variables *v, const struct variable_symbol *s,
			   struct arena *a);
