// SPDX-License-Identifier: Apache-2.0
#include "forged_heap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "native/glibc_layout.h"

uint8_t *forged_bytes(struct forged_heap *h, uint64_t addr, size_t len)
{
	const struct { uint64_t at; uint8_t *bytes; size_t len; } parts[] = {
		{ FORGED_DATA_AT, h->data, sizeof(h->data) },
		{ FORGED_BREAK_AT, h->brk, sizeof(h->brk) },
		{ FORGED_THREAD_AT, h->thread, sizeof(h->thread) },
		{ FORGED_ANON_AT, h->anon, sizeof(h->anon) },
	};

	for (size_t i = 0; i < 4; i++)
		if (addr >= parts[i].at && addr - parts[i].at <= parts[i].len &&
		    len <= parts[i].len - (addr - parts[i].at))
			return parts[i].bytes + (addr - parts[i].at);
	return NULL;
}

uint64_t forged_word(struct forged_heap *h, uint64_t addr)
{
	uint64_t v;

	memcpy(&v, forged_bytes(h, addr, sizeof(v)), sizeof(v));
	return v;
}

void forged_set(struct forged_heap *h, uint64_t addr, uint64_t value)
{
	memcpy(forged_bytes(h, addr, sizeof(value)), &value, sizeof(value));
}

static void make_arena(struct forged_heap *h, const struct forged_part *p, uint64_t next)
{
	for (unsigned int i = 1; i <= ARENA_N_BINS; i++) {
		uint64_t at = p->arena + ARENA_BINS + 16 * (i - 1);

		forged_set(h, at, ARENA_BIN_CHUNK(p->arena, i));
		forged_set(h, at + 8, ARENA_BIN_CHUNK(p->arena, i));
	}
	forged_set(h, p->arena + ARENA_NEXT, next);
	forged_set(h, p->arena + ARENA_THREADS, 1);
	forged_set(h, p->arena + ARENA_SYSTEM, FORGED_HEAP);
	forged_set(h, p->arena + ARENA_MAX_SYSTEM, FORGED_HEAP);
}

static void make_params(struct forged_heap *h)
{
	uint64_t tail = FORGED_PARAMS + (h->since_235 ? 104 : 80);

	forged_set(h, FORGED_PARAMS + 24, 8);			/* arena_test */
	forged_set(h, tail - 8, FORGED_BREAK_AT);		/* sbrk_base */
	forged_set(h, tail, 64);				/* tcache_bins */
	forged_set(h, tail + 8, 1032);
	forged_set(h, tail + 16, 7);
}

struct forged_heap *forged_heap_new(bool since_235)
{
	struct forged_heap *h = calloc(1, sizeof(*h));
	uint64_t header = since_235 ? HEAP_BYTES_235 : HEAP_BYTES;

	if (!h)
		abort();
	h->since_235 = since_235;
	h->main = (struct forged_part){ .arena = FORGED_MAIN, .at = FORGED_BREAK_AT,
					.bytes = h->brk, .next = FORGED_BREAK_AT };
	h->other = (struct forged_part){ .arena = FORGED_THREAD_AT + header,
					 .at = FORGED_THREAD_AT, .bytes = h->thread };
	h->other.next = (h->other.arena + ARENA_BYTES + 15) & ~15ull;
	/* heap_info and malloc_state are in use. */
	h->used = h->other.next - FORGED_THREAD_AT;
	make_arena(h, &h->main, h->other.arena);
	make_arena(h, &h->other, h->main.arena);
	make_params(h);
	forged_set(h, FORGED_THREAD_AT + HEAP_ARENA, h->other.arena);
	forged_set(h, FORGED_THREAD_AT + HEAP_SIZE, FORGED_HEAP);
	return h;
}

static uint64_t add_chunk(struct forged_heap *h, struct forged_part *p, uint64_t size, bool free)
{
	uint64_t at = p->next, flags = p->last_free ? 0 : CHUNK_PREV_IN_USE;

	if (p->last_free)
		forged_set(h, at, p->last_free);
	if (!free && p == &h->other)
		flags |= CHUNK_NON_MAIN;
	forged_set(h, at + CHUNK_SIZE, size | flags);
	p->last_free = free ? size : 0;
	p->next += size;
	return at;
}

uint64_t forged_used(struct forged_heap *h, struct forged_part *p, uint64_t size)
{
	h->used += size;
	return add_chunk(h, p, size, false);
}

uint64_t forged_free(struct forged_heap *h, struct forged_part *p, uint64_t size)
{
	uint64_t at = add_chunk(h, p, size, true), bin = ARENA_BIN_CHUNK(p->arena, 1);
	uint64_t first = forged_word(h, bin + CHUNK_FD);

	h->free += size;
	forged_set(h, at + CHUNK_FD, first);
	forged_set(h, at + CHUNK_BK, bin);
	forged_set(h, first + CHUNK_BK, at);
	forged_set(h, bin + CHUNK_FD, at);
	return at;
}

uint64_t forged_fast(struct forged_heap *h, struct forged_part *p, uint64_t size)
{
	uint64_t at = add_chunk(h, p, size, false);
	uint64_t head = p->arena + ARENA_FASTBINS + (size - CHUNK_MIN) / 2;
	uint64_t next = forged_word(h, head);

	h->fastbin += size;
	forged_set(h, at + CHUNK_FD, h->since_235 ? next ^ ((at + CHUNK_FD) >> 12) : next);
	forged_set(h, head, at);
	return at;
}

uint64_t forged_tcache(struct forged_heap *h, struct forged_part *p, uint64_t chunk, uint16_t count)
{
	uint64_t at = forged_used(h, p, TCACHE_CHUNK);
	uint64_t bin = ((forged_word(h, chunk + CHUNK_SIZE) & ~7ull) - CHUNK_MIN) / 16;

	memcpy(forged_bytes(h, at + CHUNK_HEADER + 2 * bin, 2), &count, 2);
	forged_set(h, at + CHUNK_HEADER + TCACHE_ENTRIES + 8 * bin, chunk + CHUNK_HEADER);
	return at;
}

void forged_finish(struct forged_heap *h)
{
	struct forged_part *parts[] = { &h->main, &h->other };

	for (int i = 0; i < 2; i++) {
		struct forged_part *p = parts[i];
		uint64_t size = p->at + FORGED_HEAP - p->next;

		h->top += size;
		forged_set(h, p->next + CHUNK_SIZE, size | CHUNK_PREV_IN_USE);
		forged_set(h, p->arena + ARENA_TOP, p->next);
	}
}

struct mem *forged_mem(struct forged_heap *h)
{
	const struct mem_range ranges[] = {
		{ FORGED_BREAK_AT, h->brk, sizeof(h->brk) },
		{ FORGED_THREAD_AT, h->thread, sizeof(h->thread) },
		{ FORGED_DATA_AT, h->data, sizeof(h->data) },
		{ FORGED_ANON_AT, h->anon, sizeof(h->anon) },
	};
	struct mem *m;

	if (mem_array_open(ranges, 4, &m) < 0)
		abort();
	return m;
}

struct maps *forged_maps(const char *library)
{
	struct maps *m;
	char text[1024];

	snprintf(text, sizeof(text),
		 "%llx-%llx rw-p 00000000 00:00 0 [heap]\n"
		 "%llx-%llx rw-p 00000000 00:00 0\n"
		 "7f1000000000-7f1000100000 r-xp 00000000 fd:01 7 %s\n"
		 "%llx-%llx rw-p 00100000 fd:01 7 %s\n"
		 "%llx-%llx rw-p 00000000 00:00 0\n",
		 FORGED_BREAK_AT, FORGED_BREAK_AT + FORGED_HEAP, FORGED_THREAD_AT,
		 FORGED_THREAD_AT + FORGED_HEAP, library, FORGED_DATA_AT,
		 FORGED_DATA_AT + FORGED_DATA, library, FORGED_ANON_AT,
		 FORGED_ANON_AT + FORGED_ANON);
	if (maps_parse(text, strlen(text), &m, NULL) < 0)
		abort();
	return m;
}
