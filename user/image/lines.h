/* SPDX-License-Identifier: Apache-2.0 */
/* Source lines and inlined calls of one ELF file, out of its own DWARF, through libdw. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/diag.h"

struct elf_image;
struct lines;

/*
 * The image must outlive it. -ENODATA the file has no DWARF; -EFBIG its debug sections are larger
 * than we unpack; -EBADMSG.
 */
int lines_open(struct elf_image *e, struct lines **ret, struct diag *d);
void lines_close(struct lines *l);
DEFINE_CLEANUP(struct lines, lines_close)

struct line_place {
	const char *function;	/* NULL unknown; the linkage name where there is one */
	const char *file;	/* NULL unknown */
	uint32_t line;		/* 0 unknown */
	bool inlined;		/* into the next one */
};

/*
 * What stands at the file's address, innermost first: the calls that the compiler put inside
 * others, then the function itself. Strings stand as long as `l`. Returns how many, 0 when no unit
 * covers it; never more than n (inlining deeper than that loses its outer ends).
 */
size_t lines_find(struct lines *l, uint64_t addr, struct line_place *ret, size_t n);
