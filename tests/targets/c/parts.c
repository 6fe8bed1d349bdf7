/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Has memory of every kind, all of it written or read but where it says otherwise, prints
 * `READY {truth}`, and answers commands on standard input, one a line:
 *
 *	truth	what it has, as at the start
 *	grow	from now on a thread maps 1 MiB, writes it, and unmaps every second one
 *
 * Its argument says how many of its threads never rest. Bytes of its own making are exact;
 * malloc's are mallinfo2()'s.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#define KIB 1024ul
#define MIB (1024 * KIB)

enum { THREADS = 10, BLOCKS = 20000, LARGE = 12 };

#define OWN_BYTES (24 * MIB)
#define FILE_BYTES (8 * MIB)
#define COPIED_BYTES (3 * MIB)
#define SHARED_BYTES (6 * MIB)
#define MEMFD_BYTES (5 * MIB)
#define HUGE_BYTES (8 * MIB)
#define READ_BYTES (4 * MIB)
#define SWAPPED_BYTES (6 * MIB)
#define STACK_BYTES (512 * KIB)
#define RESERVED_BYTES (1ul << 40)

static char bss[7 * MIB];
static void *blocks[BLOCKS];
static pthread_barrier_t deep;

static void must(bool ok)
{
	if (!ok)
		_exit(3);
}

static char *map(size_t bytes, int prot, int flags, int fd)
{
	char *p = mmap(NULL, bytes, prot, flags, fd, 0);

	must(p != MAP_FAILED);
	return p;
}

static long read_all(const volatile char *p, size_t bytes)
{
	long sum = 0;

	for (size_t i = 0; i < bytes; i += 4096)
		sum += p[i];
	return sum;
}

static void *stand_deep(void *arg)
{
	volatile char room[STACK_BYTES];

	for (size_t i = 0; i < sizeof(room); i += 4096)
		room[i] = 1;
	pthread_barrier_wait(&deep);
	while (arg)
		room[0]++;
	for (;;)
		pause();
	return NULL;
}

static void start_threads(int spinning)
{
	pthread_t t;

	pthread_barrier_init(&deep, NULL, THREADS + 1);
	for (int i = 0; i < THREADS; i++)
		must(pthread_create(&t, NULL, stand_deep, i < spinning ? &deep : NULL) == 0);
	pthread_barrier_wait(&deep);
}

/* Small blocks, of which whole stretches are free again; large ones have their own mappings. */
static void use_malloc(void)
{
	for (int i = 0; i < BLOCKS; i++) {
		size_t bytes = 500 + (size_t)i % 1500;

		blocks[i] = malloc(bytes);
		must(blocks[i]);
		memset(blocks[i], 1, bytes);
	}
	for (int i = 0; i < BLOCKS; i++)
		if (i / 1000 % 3 == 1) {
			free(blocks[i]);
			blocks[i] = NULL;
		}
	for (int i = 0; i < LARGE; i++) {
		char *p = malloc(MIB);

		must(p);
		memset(p, 1, MIB);
	}
}

static void use_files(void)
{
	char path[] = "/var/tmp/loiter-parts-XXXXXX";
	int fd = mkstemp(path), mem = memfd_create("parts", MFD_CLOEXEC);
	static char piece[64 * KIB];
	char *copy;

	must(fd >= 0 && mem >= 0);
	unlink(path);
	for (size_t at = 0; at < FILE_BYTES; at += sizeof(piece))
		must(pwrite(fd, piece, sizeof(piece), (off_t)at) == (ssize_t)sizeof(piece));
	read_all(map(FILE_BYTES, PROT_READ, MAP_SHARED, fd), FILE_BYTES);
	copy = map(COPIED_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd);
	memset(copy, 1, COPIED_BYTES);
	must(ftruncate(mem, MEMFD_BYTES) == 0);
	memset(map(MEMFD_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, mem), 1, MEMFD_BYTES);
	memset(map(SHARED_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1), 1,
	       SHARED_BYTES);
}

static void use_mappings(void)
{
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
	char *own = map(OWN_BYTES + 4096, PROT_READ | PROT_WRITE, flags, -1), *huge;

	memset(own, 1, OWN_BYTES);
	mprotect(own + OWN_BYTES, 4096, PROT_NONE);
	read_all(map(READ_BYTES, PROT_READ, flags, -1), READ_BYTES);
	map(RESERVED_BYTES, PROT_NONE, flags, -1);
	huge = map(HUGE_BYTES + 2 * MIB, PROT_READ | PROT_WRITE, flags, -1);
	huge += -(uintptr_t)huge % (2 * MIB);
	madvise(huge, HUGE_BYTES, MADV_HUGEPAGE);
	memset(huge, 1, HUGE_BYTES);
	/* Where huge pages are had for the asking, this one is of zeroes, and in no sum. */
	huge = map(6 * MIB, PROT_READ | PROT_WRITE, flags, -1);
	huge += -(uintptr_t)huge % (2 * MIB);
	madvise(huge, 2 * MIB, MADV_HUGEPAGE);
	read_all(huge, 4096);
	memset(bss, 1, sizeof(bss));
	/* Goes to swap where there is any, and stays else. */
	own = map(SWAPPED_BYTES, PROT_READ | PROT_WRITE, flags, -1);
	memset(own, 1, SWAPPED_BYTES);
	madvise(own, SWAPPED_BYTES, 21 /* MADV_PAGEOUT, Linux 5.4 */);
}

static int print_truth(char *out, size_t size)
{
	struct mallinfo2 m = mallinfo2();

	return snprintf(out, size,
			"{\"pid\": %d, \"c_used\": %zu, \"c_free\": %zu, \"c_mmapped\": %zu, "
			"\"own_mmap\": %lu, \"thread_stacks\": %lu, \"file\": %lu, "
			"\"copied\": %lu, \"bss\": %zu, \"shared\": %lu, \"zero\": %lu}",
			getpid(), m.uordblks, m.fordblks, m.hblkhd, OWN_BYTES + HUGE_BYTES + SWAPPED_BYTES,
			THREADS * STACK_BYTES, FILE_BYTES, COPIED_BYTES, sizeof(bss),
			SHARED_BYTES + MEMFD_BYTES, READ_BYTES);
}

static void *grow(void *arg)
{
	for (unsigned long i = 0; i < 100000; i++) {
		char *p = map(MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);

		memset(p, 1, MIB);
		/* Not without end: 512 MiB stay at most. */
		if (i % 2 || i > 1024)
			munmap(p, MIB);
	}
	return arg;
}

int main(int argc, char **argv)
{
	static char truth[1024], line[64];
	pthread_t t;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	use_malloc();
	use_files();
	use_mappings();
	start_threads(argc > 1 ? atoi(argv[1]) : 0);
	print_truth(truth, sizeof(truth));
	printf("READY %s\n", truth);
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		int n = print_truth(truth, sizeof(truth));

		if (strcmp(line, "grow\n") == 0)
			pthread_create(&t, NULL, grow, NULL);
		printf("ANSWER %d\n%s", n, truth);
		fflush(stdout);
	}
	return 0;
}
