// SPDX-License-Identifier: Apache-2.0
#include "model/examined.h"

struct examined *examined_new(void)
{
	struct arena *a = arena_new();
	struct examined *e = a ? arena_alloc(a, 1, sizeof(*e)) : NULL;

	if (!e) {
		arena_free(a);
		return NULL;
	}
	*e = (struct examined){ .arena = a };
	for (size_t i = 0; i < MEMORY_PARTS; i++)
		e->part[i] = MEMORY_UNKNOWN;
	return e;
}

void examined_free(struct examined *e)
{
	if (e)
		arena_free(e->arena);
}
