/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server of a kind: two threads with requests, some 80,000 a second, in lots. Two of its sites leak, one
 * often and one in 1,000 requests, among healthy ones: a buffer that each request parses in, a cache
 * of 1 s, sessions of 30 s that nobody looks at meanwhile, and what is kept from the start. All fill
 * what they get with the same bytes, and their sizes overlap, so that a leak takes over addresses
 * that the others gave back. Prints its truth: which sites there are, and what they are.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { THREADS = 2, REQUESTS = 200, CACHE_MS = 1000, SESSION_MS = 30000, KEPT = 1 << 17 };

#define SITE(name)							\
	__attribute__((noipa, noinline)) static void *name(size_t n)	\
	{								\
		char *p = malloc(n);					\
									\
		if (!p)							\
			abort();					\
		memset(p, 1, n);					\
		return p;						\
	}

SITE(parse_buffer)
SITE(cache_entry)
SITE(new_session)
SITE(at_start)
SITE(leak_often)
SITE(leak_rarely)

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* First in, first out, each for a time. */
struct kept {
	struct { void *p; uint64_t until; } all[KEPT];
	size_t head, n;
};

static void expire(struct kept *k, uint64_t now)
{
	for (; k->n && k->all[k->head].until <= now; k->n--) {
		free(k->all[k->head].p);
		k->head = (k->head + 1) % KEPT;
	}
}

static void keep(struct kept *k, void *p, uint64_t until)
{
	size_t at = (k->head + k->n) % KEPT;

	if (k->n == KEPT)
		abort();
	k->all[at].p = p;
	k->all[at].until = until;
	k->n++;
}

__attribute__((noinline)) static void request(unsigned long n, uint64_t now, struct kept *cache,
					      struct kept *sessions)
{
	static __thread unsigned int seed = 1;
	void *buffer = parse_buffer(20 + (size_t)rand_r(&seed) % 2000);

	if (n % 4 == 0)
		keep(cache, cache_entry(100 + (size_t)rand_r(&seed) % 200), now + CACHE_MS);
	if (n % 100 == 1)
		keep(sessions, new_session(300 + (size_t)rand_r(&seed) % 500), now + SESSION_MS);
	if (n % 20 == 2)
		leak_often(150);
	if (n % 1000 == 3)
		leak_rarely(200 + (size_t)rand_r(&seed) % 300);
	free(buffer);
}

static void *work(void *arg)
{
	struct kept *cache = calloc(1, sizeof(*cache)), *sessions = calloc(1, sizeof(*sessions));

	if (!cache || !sessions)
		abort();
	for (unsigned long n = 0;;) {
		uint64_t now = now_ms();

		usleep(4000);
		expire(cache, now);
		expire(sessions, now);
		for (int i = 0; i < REQUESTS; i++)
			request(n++, now, cache, sessions);
	}
	return arg;
}

int main(void)
{
	pthread_t t;

	for (int i = 0; i < 1000; i++)
		at_start(400);
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&t, NULL, work, NULL))
			return 1;
	printf("READY {\"leaks\": [\"leak_often\", \"leak_rarely\"], \"healthy\": [\"parse_buffer\", "
	       "\"cache_entry\", \"new_session\", \"at_start\"], \"caller\": \"request\"}\n");
	fflush(stdout);
	while (getchar() != EOF)
		;
	return 0;
}
