// SPDX-License-Identifier: Apache-2.0
#include "model/traced_goroutine.h"

#include <stdlib.h>

static int by_hash(const void *key, const void *item)
{
	uint64_t a = *(const uint64_t *)key, b = ((const struct traced_stack *)item)->hash;

	return (a > b) - (a < b);
}

const struct traced_stack *traced_stack_find(const struct traced_goroutine *t, uint64_t hash)
{
	return t->n_stacks ? bsearch(&hash, t->stacks, t->n_stacks, sizeof(*t->stacks), by_hash)
			   : NULL;
}
