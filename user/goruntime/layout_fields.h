/* SPDX-License-Identifier: Apache-2.0 */
/* What the layouts have in common: a list of fields, and their offsets out of a binary's DWARF. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"

struct layout_field {
	const char *type, *member;	/* as struct dwarf_member */
	int first, last;		/* minor releases that have it */
	size_t at;			/* of its int32_t in the layout */
};

/*
 * Sets the offset of every field in `layout`, -1 of those that the release does not have or whose
 * type is `optional` (NULL: none is) and not there. -ENODATA no DWARF, or a field is missing, and
 * `layout` is undefined; -EBADMSG, -EFBIG as dwarf_members(); -ENOMEM.
 */
int layout_fields_from_dwarf(int fd, int minor, const struct layout_field *fields, size_t n,
			     bool (*optional)(const char *type), void *layout, struct diag *d);
