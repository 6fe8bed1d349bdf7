/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Allocates at sites of its own, each a function that calls malloc() once: two leak, three are
 * healthy and busy (a cache, a session table, churn), one keeps what it makes at the start. Prints
 * as its truth where each site is, and whether it leaks.
 *
 *	leaker [CACHE_MS [SESSION_MS]]	how long the cache and the sessions keep an entry
 *
 * Commands on standard input:
 *	counts		the calls of each site so far, and what the leaks hold, in bytes
 *	still		stops allocating; answers when nothing does any more
 *	again		goes on
 *	all		once, one thread: every function of the C library that allocates, freed again
 */
#define _GNU_SOURCE
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { CACHE_MAX = 1 << 16, SESSIONS_MAX = 1 << 14, TICK_US = 500 };

static atomic_ulong calls[6];
static atomic_ulong leaked_bytes;
static pthread_rwlock_t running = PTHREAD_RWLOCK_INITIALIZER;

/* noipa: each stays a function of its own, and its call of malloc() is not a jump. */
#define SITE(name, index)						\
	__attribute__((noipa, noinline)) static void *name(size_t n)		\
	{								\
		char *p = malloc(n);					\
									\
		calls[index]++;						\
		p[0] = 1;						\
		return p;						\
	}

SITE(leak_small, 0)
SITE(leak_odd, 1)
SITE(cache_entry, 2)
SITE(session, 3)
SITE(churn, 4)
SITE(at_start, 5)

static const struct {
	const char *name;
	void *(*fn)(size_t);
	const char *kind;
} sites[] = {
	{ "leak_small", leak_small, "leak" },	{ "leak_odd", leak_odd, "leak" },
	{ "cache_entry", cache_entry, "cache" }, { "session", session, "session" },
	{ "churn", churn, "churn" },		{ "at_start", at_start, "start" },
};

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* First in, first out, each entry for a time. */
struct queue {
	struct { void *p; uint64_t until; } *all;
	size_t max, head, n;
};

static void put(struct queue *q, void *p, uint64_t until)
{
	size_t at = (q->head + q->n) % q->max;

	if (q->n == q->max) {
		free(q->all[q->head].p);
		q->head = (q->head + 1) % q->max;
		q->n--;
	}
	q->all[at].p = p;
	q->all[at].until = until;
	q->n++;
}

static void expire(struct queue *q, uint64_t now)
{
	while (q->n && q->all[q->head].until <= now) {
		free(q->all[q->head].p);
		q->head = (q->head + 1) % q->max;
		q->n--;
	}
}

static void leak(void *p)
{
	leaked_bytes += malloc_usable_size(p) + sizeof(size_t);
}

static void *work(void *arg)
{
	const int *ms = arg;
	struct queue cache = { calloc(CACHE_MAX, 16), CACHE_MAX, 0, 0 };
	struct queue sessions = { calloc(SESSIONS_MAX, 16), SESSIONS_MAX, 0, 0 };
	unsigned int seed = 1;

	for (unsigned int tick = 0;; tick++) {
		uint64_t now = now_ms();

		usleep(TICK_US);
		pthread_rwlock_rdlock(&running);
		expire(&cache, now);
		expire(&sessions, now);
		for (int i = 0; i < 8; i++)
			put(&cache, cache_entry(100 + (size_t)rand_r(&seed) % 200), now + ms[0]);
		for (int i = 0; i < 2; i++)
			put(&sessions, session(300 + (size_t)rand_r(&seed) % 500), now + ms[1]);
		for (int i = 0; i < 30; i++)
			free(churn(20 + (size_t)rand_r(&seed) % 1000));
		leak(leak_small(150));
		if (tick % 2 == 0)
			leak(leak_odd(200 + (size_t)rand_r(&seed) % 300));
		pthread_rwlock_unlock(&running);
	}
	return NULL;
}

static void call_all(void)
{
	void *p = NULL, *many[8] = { NULL };
	/* The compiler would make malloc() of a realloc() that it sees through. */
	void *volatile none = NULL;
	int n = 0;

	many[n++] = calloc(3, 100);
	many[n++] = realloc(none, 333);
	p = malloc(50);
	many[n++] = realloc(p, 5000);
	p = NULL;
	if (posix_memalign(&p, 256, 700) == 0)
		many[n++] = p;
	many[n++] = aligned_alloc(64, 640);
	many[n++] = memalign(128, 900);
	many[n++] = valloc(10);
	many[n++] = strdup("a string that is copied");
	for (int i = 0; i < n; i++)
		free(many[i]);
}

static void answer(const char *json)
{
	printf("OK %zu\n%s", strlen(json), json);
	fflush(stdout);
}

static void obey(const char *line)
{
	char buf[512];

	if (strcmp(line, "still\n") == 0) {
		pthread_rwlock_wrlock(&running);
		answer("{}");
	} else if (strcmp(line, "again\n") == 0) {
		pthread_rwlock_unlock(&running);
		answer("{}");
	} else if (strcmp(line, "all\n") == 0) {
		call_all();
		answer("{}");
	} else {
		snprintf(buf, sizeof(buf),
			 "{\"leak_small\": %lu, \"leak_odd\": %lu, \"cache_entry\": %lu,"
			 " \"session\": %lu, \"churn\": %lu, \"leaked_bytes\": %lu}",
			 calls[0], calls[1], calls[2], calls[3], calls[4], leaked_bytes);
		answer(buf);
	}
}

int main(int argc, char **argv)
{
	int ms[2] = { argc > 1 ? atoi(argv[1]) : 1000, argc > 2 ? atoi(argv[2]) : 30000 };
	pthread_t threads[2];
	char line[64];

	for (int i = 0; i < 1000; i++)
		at_start(400);
	for (int i = 0; i < 2; i++)
		if (pthread_create(&threads[i], NULL, work, ms))
			return 1;
	printf("READY {\"sites\": {");
	for (size_t i = 0; i < sizeof(sites) / sizeof(sites[0]); i++)
		printf("%s\"%s\": {\"at\": %lu, \"kind\": \"%s\"}", i ? ", " : "", sites[i].name,
		       (unsigned long)(uintptr_t)sites[i].fn, sites[i].kind);
	printf("}}\n");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin))
		obey(line);
	return 0;
}
