// SPDX-License-Identifier: Apache-2.0
#include "sleeper.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

struct sleeper_shared *shared;

static long futex(uint32_t *word, int op, uint32_t value, const struct timespec *limit)
{
	return syscall(SYS_futex, word, op, value, limit, NULL, 0);
}

void sleeper_await(uint32_t *word, uint32_t value)
{
	uint32_t now;

	while ((now = __atomic_load_n(word, __ATOMIC_SEQ_CST)) != value)
		futex(word, FUTEX_WAIT, now, NULL);
}

void sleeper_tell(uint32_t *word, uint32_t value)
{
	__atomic_store_n(word, value, __ATOMIC_SEQ_CST);
	futex(word, FUTEX_WAKE, INT32_MAX, NULL);
}

/* One sleep of 60 ms on a word of its own. */
static void *sleep_once(void *word)
{
	const struct timespec limit = { 0, 60000000 };

	futex(word, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 0, &limit);
	return NULL;
}

void sleeper_many(void)
{
	static pthread_t threads[SLEEPER_WORDS];
	pthread_attr_t attr;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 32 * 1024);
	sleeper_await(&shared->go, 1);
	for (int i = 0; i < SLEEPER_WORDS; i++)
		if (pthread_create(&threads[i], &attr, sleep_once, &shared->words[i]) != 0)
			_exit(1);
	for (int i = 0; i < SLEEPER_WORDS; i++)
		pthread_join(threads[i], NULL);
	sleeper_tell(&shared->done, 1);
}

void sleeper_rounds(void)
{
	for (uint32_t round = 1;; round++) {
		sleeper_await(&shared->words[0], round);
		sleeper_tell(&shared->done, round);
	}
}

__attribute__((noinline)) void sleeper_on_words(uint32_t round)
{
	uint64_t *return_at = (uint64_t *)__builtin_frame_address(0) + 1;

	if (!shared->caller) {
		shared->return_at = (uint64_t)return_at;
		shared->caller = *return_at;
	}
	sleeper_await(&shared->words[0], round);
	sleeper_tell(&shared->done, round);
}

void sleeper_rounds_below(void)
{
	for (uint32_t round = 1;; round++)
		sleeper_on_words(round);
}

static void *answer(void *arg)
{
	for (uint32_t round = 1;; round++) {
		sleeper_await(&shared->words[1], round);
		sleeper_tell(&shared->words[2], round);
	}
	return arg;
}

void sleeper_ping_pong(void)
{
	pthread_t t;

	if (pthread_create(&t, NULL, answer, NULL) != 0)
		_exit(1);
	for (uint32_t round = 1;; round++) {
		sleeper_tell(&shared->words[1], round);
		sleeper_await(&shared->words[2], round);
		__atomic_store_n(&shared->done, round, __ATOMIC_SEQ_CST);
	}
}
