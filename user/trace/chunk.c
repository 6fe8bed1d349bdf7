// SPDX-License-Identifier: Apache-2.0
#include "trace/chunk.h"

#include <errno.h>
#include <stdlib.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

enum { BATCH = 256, FENCEPOST = 16, MIN_CHUNK = 32, CHUNK_ALIGN = 16, STEPS_MAX = 64 };
/* glibc has no chunk larger than an arena, or than the address space. */
#define MAX_CHUNK (1ull << 47)

static uint64_t size_of(uint64_t header)
{
	return header & ~(uint64_t)CHUNK_FLAGS;
}

size_t chunk_print_len(uint64_t header)
{
	uint64_t bytes = size_of(header);

	bytes = bytes > 16 ? bytes - 16 : 0;
	return bytes < CHUNK_PRINT_BYTES ? (size_t)bytes : CHUNK_PRINT_BYTES;
}

uint64_t chunk_print(const void *bytes, size_t len)
{
	uint64_t h = XXH3_64bits(bytes, len);

	return h ? h : 1;
}

struct prints {
	struct mem_req reqs[BATCH];
	unsigned char bytes[BATCH][CHUNK_PRINT_BYTES];
};

static int print_some(struct mem *heap, struct prints *p, struct chunk_to_print *some, size_t n)
{
	int r;

	for (size_t i = 0; i < n; i++)
		p->reqs[i] = (struct mem_req){
			.addr = some[i].addr,
			.buf = p->bytes[i],
			.len = (uint32_t)chunk_print_len(some[i].header),
		};
	r = mem_read_many(heap, p->reqs, n);
	for (size_t i = 0; r == 0 && i < n; i++)
		some[i].print = p->reqs[i].err || !p->reqs[i].len ?
				0 : chunk_print(p->bytes[i], p->reqs[i].len);
	return r;
}

int chunk_prints(struct mem *heap, struct chunk_to_print *all, size_t n)
{
	struct prints *p = calloc(1, sizeof(*p));
	int r = p ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < n; i += BATCH)
		r = print_some(heap, p, all + i, n - i < BATCH ? n - i : BATCH);
	free(p);
	return r;
}

/* A chunk: the two words before what malloc() returned. */
struct words {
	uint64_t prev_size, size;
};

int chunk_stands(struct mem *heap, uint64_t addr, uint64_t header)
{
	uint64_t at = addr - sizeof(struct words), size = size_of(header);

	if (header & CHUNK_IS_MMAPPED)
		return 1;
	for (int i = 0; i < STEPS_MAX; i++) {
		struct words next;
		int r;

		/* What closes a heap that goes on elsewhere. */
		if (i > 0 && size == FENCEPOST)
			return 1;
		if (size < MIN_CHUNK || size % CHUNK_ALIGN || size > MAX_CHUNK)
			return -EAGAIN;
		r = mem_read(heap, at + size, &next, sizeof(next));
		/* The last one, the top, ends where the heap does. */
		if (r == -EFAULT)
			return 1;
		if (r < 0)
			return r;
		/* The chunk before it is free, and here is where that one begins. */
		if (!(next.size & CHUNK_PREV_INUSE))
			return i > 0 && next.prev_size == size;
		at += size;
		size = size_of(next.size);
	}
	return 1;
}
