// SPDX-License-Identifier: Apache-2.0
/* Apart from layout_table.c, so that the generator's layout-dump builds without a table. */
#include "goruntime/layout.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "base/cleanup.h"
#include "image/dwarf.h"

static const struct field {
	const char *type, *member;
	int first, last;	/* minor releases */
	size_t at;		/* in struct go_layout */
} fields[] = {
#define FIELD(name, type, member, from, to) \
	{ type, member, from, to, offsetof(struct go_layout, name) },
	LAYOUT_FIELDS(FIELD)
#undef FIELD
};

static bool wanted(const struct field *f, int minor)
{
	return minor >= f->first && minor <= f->last;
}

bool layout_type_optional(const char *type)
{
	static const char *const types[] = { "runtime.notifyList", "runtime.pollDesc",
					     "runtime.hmap", "runtime.mstats" };

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (strcmp(types[i], type) == 0)
			return true;
	return false;
}

int layout_from_dwarf(int fd, int minor, struct go_layout *ret, struct diag *d)
{
	struct dwarf_member asked[ARRAY_SIZE(fields)];
	struct go_layout l = { .minor = minor, .source = "dwarf" };
	size_t n = 0;
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		if (wanted(&fields[i], minor))
			asked[n++] = (struct dwarf_member){ .type = fields[i].type,
							    .member = fields[i].member };
	r = dwarf_members(fd, asked, n, d);
	if (r < 0)
		return r;

	n = 0;
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		int32_t *to = (int32_t *)((char *)&l + fields[i].at);

		*to = -1;
		if (!wanted(&fields[i], minor))
			continue;
		*to = asked[n++].offset;
		if (*to == DWARF_NO_TYPE && layout_type_optional(fields[i].type))
			*to = -1;
		else if (*to < 0)
			return diag_fail(d, -ENODATA, "the DWARF does not tell %s of %s",
					 fields[i].member ? fields[i].member : "the size",
					 fields[i].type);
	}
	*ret = l;
	return 0;
}
