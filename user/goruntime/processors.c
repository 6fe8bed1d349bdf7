// SPDX-License-Identifier: Apache-2.0
#include "goruntime/processors.h"

#include <errno.h>

#include "goruntime/gshape.h"
#include "model/limits.h"

int processors_list(struct mem *live, uint64_t allp, uint64_t *ret, uint32_t max)
{
	struct gslice s;
	int r = mem_read(live, allp, &s, sizeof(s));

	if (r < 0)
		return r;
	if (s.len > s.cap || s.len > LIMIT_GO_PROCESSORS || !s.len || s.array % 8)
		return -EBADMSG;
	max = s.len < max ? (uint32_t)s.len : max;
	r = mem_read(live, s.array, ret, max * sizeof(*ret));
	return r < 0 ? r : (int)max;
}
