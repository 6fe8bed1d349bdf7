// SPDX-License-Identifier: Apache-2.0
/*
 * Makes a heap to order and says what the C library itself says of it. Nothing is allocated or
 * freed between commands.
 *
 * Commands on standard input, each answered with OK and the length of what follows:
 *	make THREADS SIZE COUNT	so many threads allocate COUNT blocks of about SIZE each, and write
 *				to them
 *	thin N			all but every Nth block of every thread is freed, by its owner
 *	free N			every Nth block of every thread is freed, by its owner
 *	drop			everything is, by its owner; the threads end
 *	cache SIZE N		the main thread frees N blocks of SIZE that it just made: they stay
 *				in its tcache; answers with their bytes
 *	big N SIZE		N chunks of SIZE with mappings of their own, written to
 *	smaller N		frees every Nth of these
 *	churn			threads that allocate and free, until the end
 *	trim			malloc_trim(0)
 *	foreign BYTES		moves the break, as no malloc does; then the main thread allocates
 *	info			mallinfo2() and malloc_info(), the latter as text
 */
#define _GNU_SOURCE
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Since glibc 2.33. */
extern struct mallinfo2 mallinfo2(void) __attribute__((weak));

enum { THREADS_MAX = 64, BIG_MAX = 4096 };

struct worker {
	pthread_t thread;
	unsigned long size, count;
	void **blocks;
};

static struct worker workers[THREADS_MAX];
static int n_workers;
static void *big[BIG_MAX];
static int n_big;
static char order[64];
static unsigned long order_n;
static pthread_barrier_t begin, done;
/* The C library's report, in memory that is not its own. */
static char *report;
static FILE *report_file;
enum { REPORT_MAX = 1 << 20 };

/* Unequal sizes, the same in each run. */
static unsigned long size_of(const struct worker *w, unsigned long i)
{
	return w->size / 2 + (i * 2654435761u >> 7) % (w->size + 1);
}

static void allocate(struct worker *w)
{
	size_t bytes = w->count * sizeof(*w->blocks);

	w->blocks = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (w->blocks == MAP_FAILED)
		abort();
	for (unsigned long i = 0; i < w->count; i++) {
		unsigned long size = size_of(w, i);

		w->blocks[i] = malloc(size);
		memset(w->blocks[i], 0x5a, size);
	}
}

static void release(struct worker *w, unsigned long n, int keep_nth)
{
	for (unsigned long i = 0; i < w->count; i++) {
		if ((i % n == 0) == keep_nth)
			continue;
		free(w->blocks[i]);
		w->blocks[i] = NULL;
	}
}

static void *work(void *arg)
{
	struct worker *w = arg;

	allocate(w);
	pthread_barrier_wait(&done);
	for (;;) {
		pthread_barrier_wait(&begin);
		if (strcmp(order, "thin") == 0)
			release(w, order_n, 1);
		else if (strcmp(order, "free") == 0)
			release(w, order_n, 0);
		else
			release(w, 1, 0);
		pthread_barrier_wait(&done);
		if (strcmp(order, "drop") == 0)
			return NULL;
	}
}

static void *churn(void *arg)
{
	void *kept[512] = { 0 };
	unsigned int seed = (unsigned int)(uintptr_t)arg;

	for (;;) {
		unsigned int i = (unsigned int)rand_r(&seed) % 512;

		free(kept[i]);
		kept[i] = malloc(16 + (unsigned int)rand_r(&seed) % 6000);
		memset(kept[i], 1, 16);
	}
	return NULL;
}

static void answer(const char *text)
{
	printf("OK %zu\n%s", strlen(text), text);
	fflush(stdout);
}

static void make(unsigned long threads, unsigned long size, unsigned long count)
{
	pthread_barrier_init(&begin, NULL, (unsigned int)threads + 1);
	pthread_barrier_init(&done, NULL, (unsigned int)threads + 1);
	for (n_workers = 0; n_workers < (int)threads && n_workers < THREADS_MAX; n_workers++) {
		workers[n_workers] = (struct worker){ .size = size, .count = count };
		if (pthread_create(&workers[n_workers].thread, NULL, work, &workers[n_workers]))
			abort();
	}
	pthread_barrier_wait(&done);
	answer("{}");
}

static void tell_workers(const char *what, unsigned long n)
{
	snprintf(order, sizeof(order), "%s", what);
	order_n = n ? n : 1;
	pthread_barrier_wait(&begin);
	pthread_barrier_wait(&done);
	if (strcmp(what, "drop") == 0)
		for (int i = 0; i < n_workers; i++)
			pthread_join(workers[i].thread, NULL);
	answer("{}");
}

static void cache(unsigned long size, unsigned long n)
{
	void *blocks[64];
	unsigned long bytes = 0;
	char text[64];

	for (unsigned long i = 0; i < n; i++) {
		blocks[i] = malloc(size);
		/* With its header: what malloc takes for it. */
		bytes += malloc_usable_size(blocks[i]) + sizeof(size_t);
	}
	for (unsigned long i = 0; i < n; i++)
		free(blocks[i]);
	snprintf(text, sizeof(text), "{\"bytes\": %lu}", bytes);
	answer(text);
}

static void make_big(unsigned long n, unsigned long size)
{
	while (n-- && n_big < BIG_MAX) {
		big[n_big] = malloc(size);
		memset(big[n_big++], 1, size);
	}
	answer("{}");
}

static void free_big(unsigned long n)
{
	for (int i = 0; i < n_big; i++) {
		if ((unsigned long)i % n)
			continue;
		free(big[i]);
		big[i] = NULL;
	}
	answer("{}");
}

static void info(void)
{
	struct mallinfo2 m = { 0 };
	char sums[256];

	rewind(report_file);
	if (mallinfo2)
		m = mallinfo2();
	malloc_info(0, report_file);
	report[ftell(report_file)] = 0;
	snprintf(sums, sizeof(sums), "%d %zu %zu %zu %zu %zu %zu %zu\n", mallinfo2 != NULL, m.arena,
		 m.uordblks, m.fordblks, m.fsmblks, m.keepcost, m.hblks, m.hblkhd);
	printf("OK %zu\n%s%s", strlen(sums) + strlen(report), sums, report);
	fflush(stdout);
}

static void obey(const char *line)
{
	unsigned long n = 1, m = 0, k = 0;
	char word[32] = "";

	sscanf(line, "%31s %lu %lu %lu", word, &n, &m, &k);
	if (strcmp(word, "make") == 0) {
		make(n, m, k);
	} else if (strcmp(word, "cache") == 0) {
		cache(n, m);
	} else if (strcmp(word, "big") == 0) {
		make_big(n, m);
	} else if (strcmp(word, "smaller") == 0) {
		free_big(n);
	} else if (strcmp(word, "info") == 0) {
		info();
	} else if (strcmp(word, "foreign") == 0) {
		struct worker w = { .size = 3000, .count = 1000 };

		if (sbrk((intptr_t)n) == (void *)-1)
			abort();
		allocate(&w);
		answer("{}");
	} else if (strcmp(word, "trim") == 0) {
		malloc_trim(0);
		answer("{}");
	} else if (strcmp(word, "churn") == 0) {
		pthread_t t;

		for (uintptr_t i = 0; i < 4; i++)
			if (pthread_create(&t, NULL, churn, (void *)(i + 1)))
				abort();
		answer("{}");
	} else {
		tell_workers(word, n);
	}
}

int main(void)
{
	char line[128];

	report = mmap(NULL, REPORT_MAX + 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		      0);
	if (report == MAP_FAILED)
		return 1;
	report_file = fmemopen(report, REPORT_MAX, "w");
	setvbuf(report_file, NULL, _IONBF, 0);
	printf("READY {\"pid\": %d}\n", getpid());
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin))
		obey(line);
	return 0;
}
