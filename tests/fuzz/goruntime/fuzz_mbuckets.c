// SPDX-License-Identifier: Apache-2.0
/*
 * A heap profile out of bytes that are all the input's. Chance makes no hash, so that a list that
 * the input describes is given types and hashes, and pointers into the bytes, before it is read.
 */
#include <assert.h>
#include <string.h>

#include "goruntime/mbuckets.h"
#include "model/limits.h"

#define BASE 0x10000ull
#define MAX_BYTES 8192
#define BUCKETS 64

static uint8_t bytes[MAX_BYTES];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t word(uint64_t off)
{
	uint64_t v;

	memcpy(&v, bytes + off, sizeof(v));
	return v;
}

static void put(uint64_t off, uint64_t v)
{
	memcpy(bytes + off, &v, sizeof(v));
}

/* Makes the word an address of a place that may hold a bucket, or 0. */
static uint64_t aim(uint64_t off)
{
	uint64_t v = word(off) % (MAX_BYTES / 8) * 8;

	put(off, v ? BASE + v : 0);
	return v;
}

static void mend(const struct mbuckets_layout *l, unsigned int n)
{
	for (uint64_t at = aim(0); at && at + 48 <= MAX_BYTES && n; n--) {
		uint64_t nstk = word(at + (uint64_t)l->nstk) % 8;
		uint64_t stack[8] = { 0 };

		put(at + (uint64_t)l->typ, 1);
		put(at + (uint64_t)l->nstk, nstk);
		if (at + 48 + 8 * nstk <= MAX_BYTES)
			memcpy(stack, bytes + at + 48, 8 * nstk);
		put(at + (uint64_t)l->hash,
		    mbuckets_hash(stack, nstk, word(at + (uint64_t)l->object_bytes)));
		at = aim(at + (uint64_t)l->allnext);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct mbuckets_where where = { .list = BASE, .cycle = BASE + 8, .rate = BASE + 16 };
	const struct mem_range range = { BASE, bytes, sizeof(bytes) };
	struct arena *arena = arena_new();
	struct mem *live = NULL;
	struct go_heap_layout heap;
	struct mbuckets_layout l;
	struct mbuckets found;

	if (size < 2 || heap_layout_lookup(18 + data[0] % 10, 99, &heap, NULL) < 0 || !arena)
		goto out;
	memset(bytes, 0, sizeof(bytes));
	memcpy(bytes, data + 2, size - 2 < sizeof(bytes) ? size - 2 : sizeof(bytes));
	l = mbuckets_layout_of(&heap);
	mend(&l, data[1] % BUCKETS);
	if (mem_array_open(&range, 1, &live) == 0 &&
	    mbuckets_read(live, &l, &where, arena, &found, NULL) == 0)
		for (size_t i = 0; i < found.n; i++) {
			assert(found.buckets[i].odd ||
			       found.buckets[i].frees <= found.buckets[i].allocs);
			assert(found.buckets[i].object_bytes);
		}
out:
	mem_close(live);
	arena_free(arena);
	return 0;
}
