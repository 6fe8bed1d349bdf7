// SPDX-License-Identifier: Apache-2.0
/*
 * A forged heap with words of the input's choosing: patches of eleven bytes, the place (a part and
 * an offset in words), how the value is made, and the value.
 */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/span.h"
#include "native/glibc_layout.h"
#include "../../unit/native/forged_heap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PATCH = 11 };

static struct forged_heap *make(bool since_235)
{
	struct forged_heap *h = forged_heap_new(since_235);

	for (int i = 0; i < 2; i++) {
		struct forged_part *p = i ? &h->other : &h->main;
		uint64_t kept = forged_used(h, p, 0x40);

		forged_tcache(h, p, kept, 3);
		forged_free(h, p, 0x500);
		for (int k = 0; k < 20; k++) {
			forged_used(h, p, 0x3000);
			forged_fast(h, p, 0x50);
			forged_used(h, p, 0x20);
			forged_free(h, p, 0x20);
		}
		forged_used(h, p, 0x20);
	}
	forged_finish(h);
	forged_set(h, FORGED_ANON_AT + 8, 0x3000 | CHUNK_IS_MMAPPED);
	return h;
}

/* Small values as they are, others near to where something stands. */
static uint64_t value_of(uint8_t how, uint64_t raw)
{
	static const uint64_t bases[] = { 0, FORGED_BREAK_AT, FORGED_THREAD_AT, FORGED_MAIN,
					  FORGED_ANON_AT, FORGED_PARAMS, 1ull << 47 };

	return how % 8 == 7 ? raw : bases[how % 8] + raw % (1u << 19);
}

static void patch(struct forged_heap *h, struct span *in, uint64_t at)
{
	static const struct { uint64_t at, words; } parts[] = {
		{ FORGED_MAIN, ARENA_BYTES / 8 }, { FORGED_PARAMS, 17 },
		{ FORGED_THREAD_AT, (ARENA_BYTES + 64) / 8 }, { FORGED_BREAK_AT, 8192 },
		{ FORGED_THREAD_AT, 8192 }, { FORGED_ANON_AT, 2048 },
	};
	uint8_t part = span_u8(in, at);
	size_t i = part % ARRAY_SIZE(parts);
	uint64_t word = span_u16(in, at + 1) % parts[i].words;

	forged_set(h, parts[i].at + 8 * word, value_of(part / 6, span_u64(in, at + 3)));
}

static void check(const struct c_memory *m, const struct c_range *ranges, size_t n)
{
	uint64_t last = 0;

	for (size_t i = 0; i < n; i++) {
		if (ranges[i].start < last || ranges[i].end <= ranges[i].start ||
		    ranges[i].kind > C_RANGE_UNKNOWN)
			abort();
		last = ranges[i].end;
	}
	for (size_t i = 0; i < m->n_arenas; i++) {
		const struct c_arena *c = &m->arenas[i];

		if (c->system_bytes != c->used_bytes + c->free_bytes + c->fastbin_bytes +
					       c->top_bytes + c->unknown_bytes)
			abort();
	}
	if (m->counted && m->mmapped_found_bytes != UINT64_MAX &&
	    m->mmapped_found_bytes > m->mmapped_bytes)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_of(data, size);
	bool since_235 = span_u8(&in, 0) & 1;
	struct forged_heap *h = make(since_235);
	CLEANUP(maps_free_p) struct maps *maps =
		forged_maps(since_235 ? "/lib/libc.so.6" : "/lib/libc-2.31.so");
	struct mem *mem;

	for (uint64_t at = 1; at + PATCH <= size && at < 64 * PATCH; at += PATCH)
		patch(h, &in, at);
	mem = forged_mem(h);
	for (int i = 0; i < 2; i++) {
		CLEANUP(arena_free_p) struct arena *a = arena_new();
		struct c_heap_source src = { .mem = mem, .maps = maps,
					     .max_walk_bytes = i ? 1 << 16 : 0,
					     .max_list_chunks = i ? 100 : 0 };
		const struct c_range *ranges;
		struct diag d = DIAG_INIT;
		struct c_memory m;
		size_t n;

		if (a && c_heap_read(&src, a, &m, &ranges, &n, &d) == 0)
			check(&m, ranges, n);
	}
	mem_close(mem);
	free(h);
	return 0;
}
