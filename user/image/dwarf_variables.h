/* SPDX-License-Identifier: Apache-2.0 */
/* The types of Go variables out of a binary's DWARF, through libdw. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/diag.h"

struct dwarf_variable {
	const char *name;	/* "main.cache" */
	const char *type;	/* out: "map[int][]uint8", in the arena; NULL not found */
	uint64_t runtime_type;	/* out: DW_AT_go_runtime_type, from moduledata.types on; 0 none */
};

/*
 * Looks in the units of the variables' packages alone. fd is borrowed. -ENODATA no DWARF; -EFBIG its
 * debug sections are larger than max; -EBADMSG.
 */
int dwarf_variable_types(int fd, uint64_t max, struct dwarf_variable *variables, size_t n,
			 struct arena *a, struct diag *d);
