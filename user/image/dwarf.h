/* SPDX-License-Identifier: Apache-2.0 */
/* Offsets of struct members out of a binary's own DWARF, through libdw. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"

/* One question: where in `type` ("runtime.g") stands `member` ("sched.sp")? */
struct dwarf_member {
	const char *type;
	const char *member;	/* dotted path; NULL asks for the size of the type */
	int32_t offset;		/* out: bytes; -1 not there */
};

/*
 * Answers all questions in one pass. `fd` is borrowed. -ENODATA the file has no DWARF; -EBADMSG.
 * Compressed sections (zlib, Go's default) are libdw's affair.
 */
int dwarf_members(int fd, struct dwarf_member *members, size_t n, struct diag *d);
