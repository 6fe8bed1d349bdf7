// SPDX-License-Identifier: Apache-2.0
#include "model/locks.h"

#include <stdlib.h>

#include "base/cleanup.h"

const char *lock_kind_name(enum lock_kind k)
{
	static const char *const names[LOCK_KINDS] = {
		[LOCK_UNKNOWN] = "futex",
		[LOCK_MUTEX] = "pthread_mutex",
		[LOCK_RWLOCK] = "pthread_rwlock",
		[LOCK_COND] = "pthread_cond",
		[LOCK_JOIN] = "pthread_join",
	};

	return (unsigned int)k < ARRAY_SIZE(names) ? names[k] : "futex";
}

bool lock_wait_same(const struct lock_wait *a, const struct lock_wait *b)
{
	return a && a->tid == b->tid && a->start_ticks == b->start_ticks &&
	       a->switches == b->switches && a->futex == b->futex && a->kind == b->kind &&
	       a->lock == b->lock && a->word == b->word && a->owner == b->owner &&
	       a->timed == b->timed;
}

const struct lock_wait *lock_look_wait(const struct lock_look *l, int32_t tid)
{
	uint32_t low = 0, high = l->n_waits;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (l->waits[mid].tid == tid)
			return &l->waits[mid];
		if (l->waits[mid].tid < tid)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

const struct lock_holder *lock_look_holder(const struct lock_look *l, int32_t tid)
{
	for (uint32_t i = 0; i < l->n_holders; i++)
		if (l->holders[i].tid == tid)
			return &l->holders[i];
	return NULL;
}

static int by_futex(const void *key, const void *crowd)
{
	uint64_t a = *(const uint64_t *)key, b = ((const struct lock_crowd *)crowd)->futex;

	return (a > b) - (a < b);
}

uint32_t lock_look_others(const struct lock_look *l, uint64_t futex)
{
	const struct lock_crowd *c = !l->n_crowds ? NULL :
		bsearch(&futex, l->crowds, l->n_crowds, sizeof(*l->crowds), by_futex);

	return c ? c->others : 0;
}
