/* SPDX-License-Identifier: Apache-2.0 */
/* Offsets of struct members out of a binary's own DWARF, through libdw. */
#pragma once

#include <libelf.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"

/*
 * One question: where in `type` ("runtime.g") stands `member` ("sched.sp")?
 *
 * Both may be alternatives, "internal/abi.Type|runtime._type": the type that is there, and in it the
 * first member that is there. A path goes through structs that are held by value,
 * whatever their type is called, and finds promoted members of embedded structs as Go does.
 */
struct dwarf_member {
	const char *type;
	const char *member;	/* dotted path; NULL asks for the size of the type */
	int32_t offset;		/* out: bytes; -1 not there, DWARF_NO_TYPE not even the type */
};

/* The linker leaves out the types that a program's code never mentions. */
#define DWARF_NO_TYPE (-2)

/*
 * Answers all questions in one pass. `fd` is borrowed. -ENODATA the file has no DWARF; -EBADMSG;
 * -EFBIG its debug sections are larger than we unpack. Questions without an answer are no error.
 * Go's linker puts the runtime's types into the compilation unit "runtime": that one is read
 * first, and the others only while a question is open.
 */
int dwarf_members(int fd, struct dwarf_member *members, size_t n, struct diag *d);

/*
 * libdw unpacks every debug section at once: what they claim to hold is summed up before. -ENODATA
 * the file has no DWARF; -EFBIG they are larger than max; -EBADMSG.
 */
int dwarf_check_size(Elf *elf, uint64_t max, struct diag *d);
