// SPDX-License-Identifier: Apache-2.0
#include "collect/stale_words.h"

#include <errno.h>
#include <stdlib.h>

#include "base/addrmap.h"

/* Of this search and of the last: some 128 MB each. Those beyond count as holders. */
#define WORDS_MAX (4u << 20)

struct stale_words {
	struct addrmap *before, *now;	/* address -> what of the value tells it from others */
	struct addrmap *spans_before, *spans_now;	/* base -> bytes of an object */
};

struct stale_words *stale_words_new(void)
{
	return calloc(1, sizeof(struct stale_words));
}

void stale_words_free(struct stale_words *s)
{
	if (!s)
		return;
	addrmap_free(s->before);
	addrmap_free(s->now);
	addrmap_free(s->spans_before);
	addrmap_free(s->spans_now);
	free(s);
}

int stale_words_begin(struct stale_words *s)
{
	addrmap_free(s->before);
	addrmap_free(s->spans_before);
	s->before = s->now;
	s->spans_before = s->spans_now;
	s->now = addrmap_new();
	s->spans_now = addrmap_new();
	return s->now && s->spans_now ? 0 : -ENOMEM;
}

bool stale_words_first(const struct stale_words *s)
{
	return !s->before;
}

int stale_words_note_span(struct stale_words *s, uint64_t base, uint64_t elem_size)
{
	return addrmap_put(s->spans_now, base, (uint32_t)elem_size);
}

bool stale_words_had_span(const struct stale_words *s, uint64_t base, uint64_t elem_size)
{
	uint32_t then;

	return !s->spans_before ||
	       (addrmap_get(s->spans_before, base, &then) == 0 && then == (uint32_t)elem_size);
}

int stale_words_add(struct stale_words *s, uint64_t at, uint64_t value, bool *ret_old)
{
	uint32_t mark = (uint32_t)(value >> 3), then;

	if (addrmap_count(s->now) >= WORDS_MAX)
		return -E2BIG;
	*ret_old = !s->before || (addrmap_get(s->before, at, &then) == 0 && then == mark);
	return addrmap_put(s->now, at, mark);
}
