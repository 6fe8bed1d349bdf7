// SPDX-License-Identifier: Apache-2.0
/* Apart from heap_open.c, so that tests do without machine code and DWARF. */
#include "goruntime/heap.h"

#include <errno.h>

#include "goruntime/heap_state.h"

static uint64_t arena_index(uint64_t addr)
{
	return (addr - GO_ARENA_BASE) >> GO_ARENA_SHIFT;
}

int heap_arena_of(struct go_heap *h, uint64_t addr, uint64_t *ret)
{
	uint64_t arena;
	int r;

	if (addr >= GO_ADDRESS_END)
		return -ENOENT;
	r = mem_read_u64(h->rt->live, h->arenas + 8 * arena_index(addr), &arena);
	if (r < 0)
		return r;
	if (!arena || arena % 8 || arena >= GO_ADDRESS_END)
		return -ENOENT;
	*ret = arena;
	return 0;
}

int heap_span_lookup(struct go_heap *h, uint64_t addr, uint64_t *ret)
{
	uint64_t page = (addr >> GO_PAGE_SHIFT) % (1u << (GO_ARENA_SHIFT - GO_PAGE_SHIFT));
	uint64_t arena, span;
	int r = heap_arena_of(h, addr, &arena);

	if (r < 0)
		return r;
	r = mem_read_u64(h->rt->live, arena + (uint32_t)h->layout.arena_spans + 8 * page, &span);
	if (r < 0)
		return r;
	if (!span)
		return -ENOENT;
	*ret = span;
	return 0;
}

int heap_chunk_of(struct go_heap *h, uint64_t addr, uint64_t *ret)
{
	uint64_t index = (addr - GO_ARENA_BASE) >> GO_CHUNK_SHIFT, second;
	uint64_t at = h->at.mheap + (uint32_t)h->layout.heap_pages +
		      (uint32_t)h->layout.pages_chunks + 8 * (index >> GO_CHUNKS_L2_BITS);
	int r;

	if (addr >= GO_ADDRESS_END)
		return -ENOENT;
	r = mem_read_u64(h->rt->live, at, &second);
	if (r < 0)
		return r;
	if (!second || second % 8 || second >= GO_ADDRESS_END)
		return -ENOENT;
	*ret = second + GO_CHUNK_BYTES * (index % (1u << GO_CHUNKS_L2_BITS));
	return 0;
}

int heap_open_at(struct go_runtime *rt, struct arena *a, const struct go_heap_layout *l,
		 const struct heap_globals *at, struct go_heap **ret, struct diag *d)
{
	struct go_heap *h = arena_alloc(a, 1, sizeof(*h));
	int r;

	if (!h)
		return -ENOMEM;
	h->rt = rt;
	h->arena = a;
	h->layout = *l;
	h->at = *at;
	if (!h->at.mheap)
		return diag_fail(d, -EOPNOTSUPP, "runtime.mheap_ was not found");
	r = mem_read_u64(rt->live, h->at.mheap + (uint32_t)h->layout.heap_arenas, &h->arenas);
	if (r < 0)
		return diag_fail(d, r, "runtime.mheap_ cannot be read");
	r = heap_validate(h, d);
	if (r < 0)
		return r;
	*ret = h;
	return 0;
}

const struct go_heap_dropped *go_heap_dropped(const struct go_heap *h)
{
	return &h->dropped;
}
