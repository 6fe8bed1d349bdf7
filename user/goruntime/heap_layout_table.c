// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "goruntime/heap_layout.h"

struct row {
	int first_patch;	/* of the minor release that has this layout */
	struct go_heap_layout layout;
};

/* By minor release and patch, ascending. */
static const struct row rows[] = {
#include "goruntime/heap_layouts_table.h"
};

#define COUNT(name, type, member, from, to) +1
_Static_assert(0 HEAP_FIELDS(COUNT) == HEAP_LAYOUTS_TABLE_FIELDS,
	       "HEAP_FIELDS has changed: run scripts/gen-go-layouts");
#undef COUNT

int heap_layout_lookup(int minor, int patch, struct go_heap_layout *ret, struct diag *d)
{
	const struct go_heap_layout *found = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].layout.minor == minor && rows[i].first_patch <= patch)
			found = &rows[i].layout;
	if (!found)
		return diag_fail(d, -EOPNOTSUPP, "the heap of Go 1.%d is not known", minor);
	*ret = *found;
	return 0;
}
