// SPDX-License-Identifier: Apache-2.0
/* Apart from layout_table.c, so that the generator's layout-dump builds without a table. */
#include "goruntime/layout.h"

#include <stddef.h>
#include <string.h>

#include "base/cleanup.h"
#include "goruntime/layout_fields.h"

static const struct layout_field fields[] = {
#define FIELD(name, type, member, from, to) \
	{ type, member, from, to, offsetof(struct go_layout, name) },
	LAYOUT_FIELDS(FIELD)
#undef FIELD
};

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
	struct go_layout l = { .minor = minor, .source = "dwarf" };
	int r = layout_fields_from_dwarf(fd, minor, fields, ARRAY_SIZE(fields),
					 layout_type_optional, &l, d);

	if (r < 0)
		return r;
	*ret = l;
	return 0;
}
