// SPDX-License-Identifier: Apache-2.0
#include "collect/label_sets.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "goruntime/labels.h"
#include "model/limits.h"

/* Pointers that are remembered at once: programs may make one a request. */
#define MAX_POINTERS 65536

static int add(struct label_sets *l, const struct label *labels, uint32_t n)
{
	if (l->n == l->room) {
		uint32_t room = l->room ? l->room * 2 : 16;
		struct label_set *sets = realloc(l->sets, room * sizeof(*sets));

		if (!sets)
			return -ENOMEM;
		l->sets = sets;
		l->room = room;
	}
	l->sets[l->n++] = (struct label_set){ labels, n };
	return 0;
}

int label_sets_init(struct label_sets *l, struct go_runtime *rt, struct arena *a)
{
	*l = (struct label_sets){
		.rt = rt,
		.arena = a,
		.by_pointer = addrmap_new(),
		.by_hash = addrmap_new(),
		.seed = addrmap_seed(),
	};
	return l->by_pointer && l->by_hash ? add(l, NULL, 0) : -ENOMEM;
}

void label_sets_done(struct label_sets *l)
{
	free(l->sets);
	addrmap_free(l->by_hash);
	addrmap_free(l->by_pointer);
	*l = (struct label_sets){ 0 };
}

void label_sets_look_again(struct label_sets *l)
{
	addrmap_clear(l->by_pointer);
	l->unreadable = l->left_out = 0;
}

static uint64_t bytes_of(const struct label *labels, uint32_t n)
{
	uint64_t sum = n * sizeof(*labels);

	for (uint32_t i = 0; i < n; i++)
		sum += strlen(labels[i].key) + strlen(labels[i].value);
	return sum;
}

/* The set with these labels. Strings are interned: equal sets are equal pointers. */
static int set_of(struct label_sets *l, const struct label *labels, uint32_t n, uint32_t *ret)
{
	uint64_t hash = XXH3_64bits_withSeed(labels, n * sizeof(*labels), l->seed);
	int r;

	if (addrmap_get(l->by_hash, hash, ret) == 0)
		return 0;
	*ret = l->n;
	l->bytes += bytes_of(labels, n);
	r = add(l, labels, n);
	return r < 0 ? r : addrmap_put(l->by_hash, hash, *ret);
}

int label_sets_find(struct label_sets *l, uint64_t pointer, uint32_t *ret)
{
	const struct label *labels;
	uint32_t n;
	int r;

	*ret = 0;
	if (!pointer || addrmap_get(l->by_pointer, pointer, ret) == 0)
		return 0;
	if (l->n >= LIMIT_LABEL_SETS || l->bytes >= LIMIT_LABEL_BYTES) {
		l->left_out++;
		return 0;
	}
	r = labels_read(l->rt, pointer, l->arena, &labels, &n);
	if (r == -ENOMEM)
		return r;
	if (r < 0) {
		l->unreadable++;
		return 0;
	}
	if (n) {
		r = set_of(l, labels, n, ret);
		if (r < 0)
			return r;
	}
	if (addrmap_count(l->by_pointer) >= MAX_POINTERS)
		addrmap_clear(l->by_pointer);
	return addrmap_put(l->by_pointer, pointer, *ret);
}
