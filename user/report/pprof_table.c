// SPDX-License-Identifier: Apache-2.0
#include "report/pprof_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

static uint64_t seed(void)
{
	static uint64_t value;

	/* Without random bytes a known seed still gives right numbers, only slower ones. */
	while (value == 0)
		if (getrandom(&value, sizeof(value), GRND_NONBLOCK) != sizeof(value))
			value = 1;
	return value;
}

#define HASH_FUNCTION(key, len, hash) \
	((hash) = (unsigned int)XXH3_64bits_withSeed((key), (len), seed()))
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

struct pprof_entry {
	UT_hash_handle hh;
	uint64_t number;
	uint8_t key[];
};

int pprof_table_number(struct pprof_table *t, const void *key, size_t len, uint64_t *ret,
		       bool *ret_new)
{
	struct pprof_entry *e;

	HASH_FIND(hh, t->entries, key, len, e);
	if (e) {
		*ret = e->number;
		*ret_new = false;
		return 0;
	}
	e = arena_alloc(t->arena, 1, sizeof(*e) + len);
	if (!e)
		return -ENOMEM;
	memcpy(e->key, key, len);
	e->number = t->n + 1;
	HASH_ADD(hh, t->entries, key, len, e);
	if (!e->hh.tbl)
		return -ENOMEM;
	t->n++;
	*ret = e->number;
	*ret_new = true;
	return 0;
}

void pprof_table_done(struct pprof_table *t)
{
	HASH_CLEAR(hh, t->entries);
}
