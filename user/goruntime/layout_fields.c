// SPDX-License-Identifier: Apache-2.0
#include "goruntime/layout_fields.h"

#include <errno.h>
#include <stdlib.h>

#include "image/dwarf.h"

static bool wanted(const struct layout_field *f, int minor)
{
	return minor >= f->first && minor <= f->last;
}

static int place(const struct layout_field *f, int32_t offset, bool (*optional)(const char *type),
		 int32_t *to, struct diag *d)
{
	*to = offset;
	if (offset >= 0)
		return 0;
	*to = -1;
	if (offset == DWARF_NO_TYPE && optional && optional(f->type))
		return 0;
	return diag_fail(d, -ENODATA, "the DWARF does not tell %s of %s",
			 f->member ? f->member : "the size", f->type);
}

int layout_fields_from_dwarf(int fd, int minor, const struct layout_field *fields, size_t n,
			     bool (*optional)(const char *type), void *layout, struct diag *d)
{
	struct dwarf_member *asked = calloc(n, sizeof(*asked));
	size_t k = 0;
	int r;

	if (!asked)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		if (wanted(&fields[i], minor))
			asked[k++] = (struct dwarf_member){ .type = fields[i].type,
							    .member = fields[i].member };
	r = dwarf_members(fd, asked, k, d);
	k = 0;
	for (size_t i = 0; i < n && r >= 0; i++) {
		int32_t *to = (int32_t *)((char *)layout + fields[i].at);

		*to = -1;
		if (wanted(&fields[i], minor))
			r = place(&fields[i], asked[k++].offset, optional, to, d);
	}
	free(asked);
	return r < 0 ? r : 0;
}
