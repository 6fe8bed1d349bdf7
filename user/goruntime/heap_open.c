// SPDX-License-Identifier: Apache-2.0
#include <errno.h>

#include "goruntime/heap.h"
#include "goruntime/heap_state.h"

/* As goruntime.c does for goroutines. */
int heap_layout_find(const struct go_runtime *rt, struct go_heap_layout *ret, struct diag *d)
{
	int r = rt->patch < 0 ? -EOPNOTSUPP : heap_layout_lookup(rt->minor, rt->patch, ret, d);

	if (r == 0)
		return 0;
	r = heap_layout_from_dwarf(elf_image_fd(rt->elf), rt->minor, ret, NULL);
	if (r == -ENOMEM)
		return r;
	return r < 0 ? diag_fail(d, -EOPNOTSUPP, "the Go heap of this release is not known") : 0;
}

int go_heap_open(struct go_runtime *rt, struct arena *a, struct go_heap **ret, struct diag *d)
{
	struct go_heap_layout layout;
	struct heap_globals at;
	int r = heap_layout_find(rt, &layout, d);

	if (r < 0)
		return r;
	r = heap_locate(rt, &layout, LOCATE_ALL, &at);
	if (r < 0)
		return diag_fail(d, r, "the variables of the Go heap cannot be read");
	return heap_open_at(rt, a, &layout, &at, ret, d);
}

int go_heap_look_again(const struct go_heap *h, struct arena *a, struct go_heap **ret,
		       struct diag *d)
{
	return heap_open_at(h->rt, a, &h->layout, &h->at, ret, d);
}
