// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "goruntime/layout.h"

struct row {
	int first_patch;	/* of the minor release that has this layout */
	struct go_layout layout;
};

/* By minor release and patch, ascending. */
static const struct row rows[] = {
#include "goruntime/layouts_table.h"
};

#define COUNT(name, type, member, from, to) +1
_Static_assert(0 LAYOUT_FIELDS(COUNT) == LAYOUTS_TABLE_FIELDS,
	       "LAYOUT_FIELDS has changed: run scripts/gen-go-layouts");
#undef COUNT

void layout_range(int *first, int *last)
{
	*first = rows[0].layout.minor;
	*last = rows[ARRAY_SIZE(rows) - 1].layout.minor;
}

int layout_lookup(int minor, int patch, struct go_layout *ret, struct diag *d)
{
	const struct go_layout *found = NULL;
	int first, last;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].layout.minor == minor && rows[i].first_patch <= patch)
			found = &rows[i].layout;
	if (!found) {
		layout_range(&first, &last);
		return diag_fail(d, -EOPNOTSUPP,
				 "no layout is known for Go 1.%d; the table has Go 1.%d to 1.%d",
				 minor, first, last);
	}
	*ret = *found;
	return 0;
}
