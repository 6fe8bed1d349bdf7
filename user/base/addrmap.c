// SPDX-License-Identifier: Apache-2.0
#include "base/addrmap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

struct entry {
	uint64_t key;
	uint32_t value;
	uint32_t used;
};

struct addrmap {
	struct entry *entries;
	uint32_t n, slots;	/* slots is a power of two */
	uint64_t seed;		/* keys come from hostile memory */
};

uint64_t addrmap_seed(void)
{
	uint64_t seed;

	if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) != sizeof(seed))
		seed = (uintptr_t)&seed;
	return seed;
}

struct addrmap *addrmap_new(void)
{
	struct addrmap *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->slots = 64;
	m->entries = calloc(m->slots, sizeof(*m->entries));
	if (!m->entries) {
		free(m);
		return NULL;
	}
	m->seed = addrmap_seed();
	return m;
}

void addrmap_free(struct addrmap *m)
{
	if (!m)
		return;
	free(m->entries);
	free(m);
}

/* The slot of key, or the empty one where it would go. */
static struct entry *slot_of(const struct addrmap *m, uint64_t key)
{
	uint64_t h = (key ^ m->seed) * 0x9e3779b97f4a7c15ull;
	uint32_t at;

	h ^= h >> 32;
	h *= 0xd6e8feb86659fd93ull;
	at = (uint32_t)(h >> 32) & (m->slots - 1);
	while (m->entries[at].used && m->entries[at].key != key)
		at = (at + 1) & (m->slots - 1);
	return &m->entries[at];
}

int addrmap_get(const struct addrmap *m, uint64_t key, uint32_t *ret)
{
	const struct entry *e = slot_of(m, key);

	if (!e->used)
		return -ENOENT;
	*ret = e->value;
	return 0;
}

static int grow(struct addrmap *m)
{
	struct entry *old = m->entries;
	uint32_t n = m->slots;

	if (n > UINT32_MAX / 4)
		return -ENOMEM;
	m->entries = calloc((size_t)n * 2, sizeof(*old));
	if (!m->entries) {
		m->entries = old;
		return -ENOMEM;
	}
	m->slots = n * 2;
	for (uint32_t i = 0; i < n; i++)
		if (old[i].used)
			*slot_of(m, old[i].key) = old[i];
	free(old);
	return 0;
}

int addrmap_put(struct addrmap *m, uint64_t key, uint32_t value)
{
	struct entry *e = slot_of(m, key);
	int r;

	if (!e->used && m->n >= m->slots / 2) {
		r = grow(m);
		if (r < 0)
			return r;
		e = slot_of(m, key);
	}
	if (!e->used)
		m->n++;
	*e = (struct entry){ key, value, 1 };
	return 0;
}

uint32_t addrmap_count(const struct addrmap *m)
{
	return m->n;
}

void addrmap_clear(struct addrmap *m)
{
	memset(m->entries, 0, (size_t)m->slots * sizeof(*m->entries));
	m->n = 0;
}
