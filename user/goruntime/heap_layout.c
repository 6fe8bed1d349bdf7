// SPDX-License-Identifier: Apache-2.0
/* Apart from heap_layout_table.c, so that the generator's layout-dump builds without a table. */
#include "goruntime/heap_layout.h"

#include <stddef.h>

#include "base/cleanup.h"
#include "goruntime/layout_fields.h"

static const struct layout_field fields[] = {
#define FIELD(name, type, member, from, to) \
	{ type, member, from, to, offsetof(struct go_heap_layout, name) },
	HEAP_FIELDS(FIELD)
#undef FIELD
};

int heap_layout_from_dwarf(int fd, int minor, struct go_heap_layout *ret, struct diag *d)
{
	struct go_heap_layout l = { .minor = minor, .source = "dwarf" };
	int r = layout_fields_from_dwarf(fd, minor, fields, ARRAY_SIZE(fields), NULL, &l, d);

	if (r < 0)
		return r;
	*ret = l;
	return 0;
}
