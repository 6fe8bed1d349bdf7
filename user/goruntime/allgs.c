// SPDX-License-Identifier: Apache-2.0
#include <errno.h>

#include "goruntime/goruntime.h"
#include "model/limits.h"

int go_runtime_allgs(struct go_runtime *rt, uint64_t *array, uint64_t *len, struct diag *d)
{
	uint64_t header[3];	/* ptr, len, cap */

	/*
	 * allgadd() stores the array before the length, both under allglock. We read all three at
	 * once; an old array with a newer length would be caught by the cap below.
	 */
	for (int tries = 0; tries < 8; tries++) {
		uint64_t again[3];
		int r = mem_read(rt->live, rt->globals.allgs, header, sizeof(header));

		if (r == 0)
			r = mem_read(rt->live, rt->globals.allgs, again, sizeof(again));
		if (r < 0)
			return diag_fail(d, r, "runtime.allgs cannot be read");
		if (header[0] != again[0] || header[2] != again[2])
			continue;
		if (again[1] > again[2] || again[2] > LIMIT_GOROUTINES || !again[0])
			return diag_fail(d, -EOPNOTSUPP,
					 "runtime.allgs claims %llu goroutines of %llu, which "
					 "cannot be",
					 (unsigned long long)again[1], (unsigned long long)again[2]);
		*array = again[0];
		*len = again[1];
		return 0;
	}
	return diag_fail(d, -EAGAIN, "runtime.allgs changes faster than it can be read");
}
