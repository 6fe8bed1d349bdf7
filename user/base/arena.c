// SPDX-License-Identifier: Apache-2.0
#include "base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define CHUNK_BYTES (64 * 1024)
/* The first one: there are thousands of arenas with next to nothing in them. */
#define FIRST_BYTES (4 * 1024)
#define ALIGNMENT 16
/* What is kept of a target may grow with it, but must not take its machine's memory. */
#define MAX_BYTES (2ull << 30)

struct chunk {
	struct chunk *next;
	size_t used, size;
	_Alignas(ALIGNMENT) uint8_t bytes[];
};

/* One interned string; the table is open addressing over these. */
struct interned {
	uint64_t hash;
	const char *string;
	size_t len;
};

struct arena {
	struct chunk *chunks;
	size_t total;		/* bytes of all chunks */
	struct interned *table;
	size_t n_interned, n_slots;	/* n_slots is a power of two or 0 */
};

struct arena *arena_new(void)
{
	return calloc(1, sizeof(struct arena));
}

void arena_free(struct arena *a)
{
	if (!a)
		return;
	for (struct chunk *c = a->chunks, *next; c; c = next) {
		next = c->next;
		free(c);
	}
	free(a->table);
	free(a);
}

size_t arena_bytes(const struct arena *a)
{
	return a->total + a->n_slots * sizeof(*a->table);
}

static struct chunk *chunk_for(struct arena *a, size_t want)
{
	struct chunk *c = a->chunks;
	size_t size = a->total < FIRST_BYTES ? FIRST_BYTES : a->total;

	if (c && c->size - c->used >= want)
		return c;
	if (size > CHUNK_BYTES)
		size = CHUNK_BYTES;
	if (size < want)
		size = want;
	if (size > MAX_BYTES - a->total)
		return NULL;
	c = calloc(1, sizeof(*c) + size);
	if (!c)
		return NULL;
	a->total += size;
	c->size = size;
	/* A big block must not hide the rest of a fresh chunk behind it. */
	if (want > CHUNK_BYTES && a->chunks) {
		c->next = a->chunks->next;
		a->chunks->next = c;
	} else {
		c->next = a->chunks;
		a->chunks = c;
	}
	return c;
}

void *arena_alloc(struct arena *a, size_t count, size_t size)
{
	struct chunk *c;
	size_t want;
	void *p;

	if (__builtin_mul_overflow(count, size, &want) || want > SIZE_MAX / 2)
		return NULL;
	want = (want + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
	c = chunk_for(a, want);
	if (!c)
		return NULL;
	p = c->bytes + c->used;
	c->used += want;
	return p;
}

char *arena_strndup(struct arena *a, const char *s, size_t n)
{
	char *copy = n < SIZE_MAX ? arena_alloc(a, n + 1, 1) : NULL;

	if (copy)
		memcpy(copy, s, n);
	return copy;
}

char *arena_strdup(struct arena *a, const char *s)
{
	return arena_strndup(a, s, strlen(s));
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap;
	char *s;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		return NULL;
	s = arena_alloc(a, (size_t)n + 1, 1);
	if (!s)
		return NULL;
	va_start(ap, fmt);
	vsnprintf(s, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return s;
}

static int grow_table(struct arena *a)
{
	size_t n = a->n_slots ? a->n_slots * 2 : 256;
	struct interned *table = calloc(n, sizeof(*table));

	if (!table)
		return -1;
	for (size_t i = 0; i < a->n_slots; i++) {
		size_t at = a->table[i].hash & (n - 1);

		if (!a->table[i].string)
			continue;
		while (table[at].string)
			at = (at + 1) & (n - 1);
		table[at] = a->table[i];
	}
	free(a->table);
	a->table = table;
	a->n_slots = n;
	return 0;
}

const char *arena_intern(struct arena *a, const char *s, size_t n)
{
	/* Strings come from the target: seeded, so that it cannot choose collisions. */
	uint64_t hash = XXH3_64bits_withSeed(s, n, (uint64_t)(uintptr_t)a);
	size_t at;

	if (a->n_interned * 2 >= a->n_slots && grow_table(a) < 0)
		return NULL;
	for (at = hash & (a->n_slots - 1); a->table[at].string; at = (at + 1) & (a->n_slots - 1))
		if (a->table[at].hash == hash && a->table[at].len == n &&
		    memcmp(a->table[at].string, s, n) == 0)
			return a->table[at].string;
	a->table[at] = (struct interned){ hash, arena_strndup(a, s, n), n };
	if (a->table[at].string)
		a->n_interned++;
	return a->table[at].string;
}
