/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Words that stand in free slots of the heap: what was allocated there is gone, and its words stay
 * until the slot is used again. One that has come since the search before this one tells that somebody
 * has lately held what it points to; one that stood there already, as it is, tells nothing more.
 * Nor does one in a span that has come since then: its pages were free or another span's, and the free
 * slots of it hold what these left there.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct stale_words;

struct stale_words *stale_words_new(void);
void stale_words_free(struct stale_words *s);

/* A search begins. -ENOMEM. */
int stale_words_begin(struct stale_words *s);
/* Is it the first? Then nothing is known of what stood there before. */
bool stale_words_first(const struct stale_words *s);

/* A span of objects of so many bytes is read in this search. -ENOMEM. */
int stale_words_note_span(struct stale_words *s, uint64_t base, uint64_t elem_size);
/* Did the search before read that one? True in the first. */
bool stale_words_had_span(const struct stale_words *s, uint64_t base, uint64_t elem_size);

/*
 * In a free slot, at that address, this value was read. *ret_old: the search before saw it there, too,
 * or there is none. -ENOMEM, -E2BIG: too many.
 */
int stale_words_add(struct stale_words *s, uint64_t at, uint64_t value, bool *ret_old);
