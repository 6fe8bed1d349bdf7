/* SPDX-License-Identifier: Apache-2.0 */
/* What a child of test_futex does: it sleeps in futexes, on words that it shares with the test. */
#pragma once

#include <stdint.h>

/* More words than the map of one process has room for. */
enum { SLEEPER_WORDS = 700 };

struct sleeper_shared {
	uint32_t go, done;	/* the round that it may begin, that it has done */
	uint32_t words[SLEEPER_WORDS];
	uint64_t return_at, caller;	/* of sleeper_on_words(), before its return was probed */
};

extern struct sleeper_shared *shared;

/* Sleeps until the word has that value; sets it, and wakes all who wait for one. */
void sleeper_await(uint32_t *word, uint32_t value);
void sleeper_tell(uint32_t *word, uint32_t value);

/* When told to go, as many threads as there are words sleep for 60 ms, each on its own. */
void sleeper_many(void);
/* Sleeps on words[0] until it is told the round's number, again and again. */
void sleeper_rounds(void);
/* The same one call further down, of a function that may be probed. */
void sleeper_rounds_below(void);
void sleeper_on_words(uint32_t round);
/* Two threads that wake each other without end: many sleeps, all of them short. */
void sleeper_ping_pong(void);
