// SPDX-License-Identifier: Apache-2.0
/*
 * One kind of work without end, for the bench of `loiter attach`: `load malloc`, blocks of mixed
 * sizes that live for 1,000 allocations, or `load mutex`, four threads that take turns on two
 * mutexes. Says READY; then each line on standard input is answered by one: units of work so far, CPU ns so far, 0.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define LIVE 1000
#define THREADS 4

static atomic_llong units;
static pthread_mutex_t locks[2] = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER };
static volatile long shared[2];

static void *allocate(void *arg)
{
	void *live[LIVE] = { NULL };

	for (size_t i = 0;; i++) {
		free(live[i % LIVE]);
		live[i % LIVE] = malloc(16 + i * 37 % 2048);
		if (i % 64 == 0)
			atomic_fetch_add_explicit(&units, 64, memory_order_relaxed);
	}
	return arg;
}

static void *take_turns(void *arg)
{
	for (long i = 0;; i++) {
		pthread_mutex_lock(&locks[i % 2]);
		for (int k = 0; k < 200; k++)
			shared[i % 2]++;
		pthread_mutex_unlock(&locks[i % 2]);
		atomic_fetch_add_explicit(&units, 1, memory_order_relaxed);
	}
	return arg;
}

static long long cpu_ns(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000000ll +
	       (u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1000ll;
}

int main(int argc, char **argv)
{
	int mutex = argc > 1 && strcmp(argv[1], "mutex") == 0;
	char line[64];
	pthread_t t;

	for (int i = 0; i < (mutex ? THREADS : 1); i++)
		if (pthread_create(&t, NULL, mutex ? take_turns : allocate, NULL) != 0)
			return 1;
	puts("READY {}");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		printf("%lld %lld 0\n", (long long)units, cpu_ns());
		fflush(stdout);
	}
	return 0;
}
