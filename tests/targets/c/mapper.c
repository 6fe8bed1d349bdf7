/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs some of the following at once, those that its arguments name, prints `READY {truth}`, and
 * ends with its standard input. What leaks:
 *
 *	leak		a mapping of 256 KiB that is never unmapped, 20 a second
 *	realloc		one mapping that mremap makes larger by 256 KiB, 20 times a second
 *	blocks		malloc() of 256 KiB that is never freed, 20 a second
 *
 * and what does not, though it looks like it for a while:
 *
 *	pool		32 MiB in mappings of 1 MiB, all within a second
 *	burst		24 MiB in mappings of 256 KiB within half a second, unmapped in the next; and
 *			again
 *	churn		a mapping of 1 MiB that is unmapped at once, 1000 a second
 *	ring		the newest 16 of its mappings of 512 KiB, 20 new ones a second
 *	syscalls	getppid() without end: what is traced costs much
 *	work		computes a third of the time, so that a percentage of it is something
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { KIB = 1 << 10, MIB = 1 << 20, PIECE = 256 * KIB };

static void nap(long ms)
{
	const struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&t, NULL);
}

#define MAP(bytes) \
	mmap(NULL, (bytes), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)

__attribute__((noinline)) static char *fill(char *p, size_t bytes)
{
	if (p == MAP_FAILED)
		_exit(3);
	return memset(p, 1, bytes);
}

__attribute__((noinline)) static void leak_here(void)
{
	fill(MAP(PIECE), PIECE);
	__asm__ volatile("" ::: "memory");
}

static void *leak(void *arg)
{
	for (;; nap(50))
		leak_here();
	return arg;
}

__attribute__((noinline)) static char *grow_here(char *p, size_t bytes)
{
	p = mremap(p, bytes, bytes + PIECE, MREMAP_MAYMOVE);
	if (p == MAP_FAILED)
		_exit(3);
	memset(p + bytes, 1, PIECE);
	return p;
}

static void *grow(void *arg)
{
	char *p = fill(MAP(PIECE), PIECE);

	for (size_t bytes = PIECE;; bytes += PIECE, nap(50))
		p = grow_here(p, bytes);
	return arg;
}

__attribute__((noinline)) static void allocate_here(void)
{
	volatile char *p = malloc(PIECE);

	for (size_t i = 0; p && i < PIECE; i += 4096)
		p[i] = 1;
}

static void *blocks(void *arg)
{
	for (;; nap(50))
		allocate_here();
	return arg;
}

__attribute__((noinline)) static void fill_pool(void)
{
	for (int i = 0; i < 32; i++, nap(20))
		fill(MAP(MIB), MIB);
}

static void *pool(void *arg)
{
	fill_pool();
	for (;;)
		pause();
	return arg;
}

__attribute__((noinline)) static void burst_here(char **all, int n)
{
	for (int i = 0; i < n; i++, nap(5))
		all[i] = fill(MAP(PIECE), PIECE);
}

static void *burst(void *arg)
{
	static char *all[96];

	for (;;) {
		burst_here(all, 96);
		for (int i = 0; i < 96; i++, nap(5))
			munmap(all[i], PIECE);
	}
	return arg;
}

__attribute__((noinline)) static void churn_here(void)
{
	char *p = MAP(MIB);

	fill(p, 1);
	munmap(p, MIB);
}

static void *churn(void *arg)
{
	for (;; nap(1))
		churn_here();
	return arg;
}

__attribute__((noinline)) static void turn_ring(char **slot)
{
	if (*slot)
		munmap(*slot, 512 * KIB);
	*slot = fill(MAP(512 * KIB), 512 * KIB);
}

static void *ring(void *arg)
{
	static char *all[16];

	for (unsigned int i = 0;; i++, nap(50))
		turn_ring(&all[i % 16]);
	return arg;
}

static void *syscalls(void *arg)
{
	for (;;)
		syscall(SYS_getppid);
	return arg;
}

static void *work(void *arg)
{
	/* Some 10 ms each; asking how long it takes would be a system call. */
	for (volatile unsigned int i = 0;; nap(20))
		for (int k = 0; k < 5000000; k++)
			i++;
	return arg;
}

static const struct sickness {
	const char *name, *function, *pattern;	/* NULL: healthy */
	void *(*run)(void *);
	int mib_per_min;
} all[] = {
	{ "leak", "leak_here", "native-growth", leak, 300 },
	{ "realloc", "grow_here", "native-growth", grow, 300 },
	{ "blocks", "allocate_here", "cgo-heap", blocks, 300 },
	{ "pool", "fill_pool", NULL, pool, 0 },
	{ "burst", "burst_here", NULL, burst, 0 },
	{ "churn", "churn_here", NULL, churn, 0 },
	{ "ring", "turn_ring", NULL, ring, 0 },
	{ "syscalls", "syscalls", NULL, syscalls, 0 },
	{ "work", "work", NULL, work, 0 },
};

static bool is_asked(const struct sickness *s, char **argv)
{
	while (*++argv)
		if (strcmp(*argv, s->name) == 0)
			return true;
	return false;
}

int main(int argc, char **argv)
{
	bool first = true;
	char c;

	(void)argc;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	printf("READY {\"pid\": %d, \"sites\": [", (int)getpid());
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		pthread_t thread;

		if (!is_asked(&all[i], argv))
			continue;
		printf("%s{\"name\": \"%s\", \"func\": \"%s\", \"pattern\": %s%s%s, "
		       "\"mib_per_min\": %d}",
		       first ? "" : ", ", all[i].name, all[i].function, all[i].pattern ? "\"" : "",
		       all[i].pattern ? all[i].pattern : "null", all[i].pattern ? "\"" : "",
		       all[i].mib_per_min);
		first = false;
		if (pthread_create(&thread, NULL, all[i].run, NULL))
			return 3;
	}
	printf("]}\n");
	fflush(stdout);
	while (read(0, &c, 1) > 0)
		;
	return 0;
}
