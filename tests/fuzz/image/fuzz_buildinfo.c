// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "image/buildinfo.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(arena_free_p) struct arena *a = arena_new();
	struct diag d = DIAG_INIT;
	struct buildinfo b;
	int r;

	if (!a)
		return 0;
	r = buildinfo_parse(span_of(data, size), a, &b, &d);
	if (r == 0 && (!b.go_version || b.minor < -1 || b.patch < 0))
		abort();
	if (r < 0 && !d.why[0])
		abort();
	return 0;
}
