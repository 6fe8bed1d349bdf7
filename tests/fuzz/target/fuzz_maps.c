// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "target/maps.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(maps_free_p) struct maps *m = NULL;
	struct diag d = DIAG_INIT;
	uint64_t last = 0;

	if (maps_parse((const char *)data, size, &m, &d) < 0)
		return 0;
	for (size_t i = 0; i < m->n; i++) {
		const struct mapping *p = &m->all[i];

		if (p->start < last || p->end <= p->start || strlen(p->path) > size ||
		    maps_find(m, p->start) != p || maps_find(m, p->end - 1) != p)
			abort();
		last = p->end;
	}
	return 0;
}
