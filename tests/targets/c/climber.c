/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Grows, or only looks so, without end:
 *
 *	climber threads		a thread more each 100 ms, which stays
 *	climber rss		3 MiB more each 100 ms, touched and kept
 *	climber pool		40 threads at the start, all of which stay
 *	climber burst		20 threads come, and all go, in turn
 *	climber saw		60 MiB are touched bit by bit, and given back, in turn
 *	climber lock		two threads that hold a mutex for 300 ms in turn
 *	climber idle		three threads that wait for work that never comes
 *	climber stuck		a thread that waits for a lock, on a stack whose pages never come
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define MIB (1 << 20)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t idle_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t work = PTHREAD_COND_INITIALIZER;
static volatile int leave;

static void sleep_ms(long ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	while (nanosleep(&t, &t) < 0 && errno == EINTR)
		;
}

static void *stay(void *arg)
{
	pthread_mutex_lock(&idle_lock);
	for (;;)
		pthread_cond_wait(&work, &idle_lock);
	return arg;
}

static void *stay_a_while(void *arg)
{
	while (!leave)
		sleep_ms(10);
	return arg;
}

static pthread_t start(void *(*run)(void *))
{
	pthread_t t;

	if (pthread_create(&t, NULL, run, NULL) != 0)
		exit(1);
	return t;
}

static void threads(void)
{
	for (;;) {
		start(stay);
		sleep_ms(100);
	}
}

static void rss(void)
{
	for (;;) {
		memset(malloc(3 * MIB), 1, 3 * MIB);
		sleep_ms(100);
	}
}

static void pool(void)
{
	for (int i = 0; i < 40; i++)
		start(stay);
}

static void burst(void)
{
	pthread_t all[20];

	for (;;) {
		leave = 0;
		for (int i = 0; i < 20; i++, sleep_ms(30))
			all[i] = start(stay_a_while);
		leave = 1;
		for (int i = 0; i < 20; i++)
			pthread_join(all[i], NULL);
	}
}

static void saw(void)
{
	char *all = mmap(NULL, 60 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			 0);

	if (all == MAP_FAILED)
		exit(1);
	for (;;) {
		for (int i = 0; i < 20; i++, sleep_ms(60))
			memset(all + (size_t)i * 3 * MIB, 1, 3 * MIB);
		madvise(all, 60 * MIB, MADV_DONTNEED);
	}
}

__attribute__((noinline)) static void hold_it(void)
{
	pthread_mutex_lock(&lock);
	sleep_ms(300);
	pthread_mutex_unlock(&lock);
	sleep_ms(5);
}

static void *take_turns(void *arg)
{
	for (;;)
		hold_it();
	return arg;
}

static void hold_in_turn(void)
{
	start(take_turns);
	start(take_turns);
}

static void *shut_out(void *arg)
{
	pthread_mutex_lock(&lock);
	return arg;
}

/* Who reads a page that is missing waits for us to bring it, and so for ever. */
static void stuck(void)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register range = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	char *stack = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	pthread_attr_t attr;
	pthread_t t;

	range.range.start = (unsigned long)stack;
	range.range.len = MIB;
	pthread_mutex_lock(&lock);
	pthread_attr_init(&attr);
	pthread_attr_setstack(&attr, stack, MIB);
	if (stack == MAP_FAILED || fd < 0 || pthread_create(&t, &attr, shut_out, NULL) != 0)
		exit(1);
	sleep_ms(500);
	if (ioctl(fd, UFFDIO_API, &api) < 0 || ioctl(fd, UFFDIO_REGISTER, &range) < 0 ||
	    madvise(stack, MIB, MADV_DONTNEED) < 0)
		exit(1);
}

static void idle(void)
{
	for (int i = 0; i < 3; i++)
		start(stay);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} kinds[] = {
		{ "threads", threads }, { "rss", rss }, { "pool", pool }, { "burst", burst },
		{ "saw", saw }, { "lock", hold_in_turn }, { "idle", idle },
	};

	if (argc > 1 && strcmp(argv[1], "stuck") == 0)
		stuck();
	printf("READY {\"pid\": %d}\n", getpid());
	fflush(stdout);
	for (size_t i = 0; argc > 1 && i < sizeof(kinds) / sizeof(*kinds); i++)
		if (strcmp(argv[1], kinds[i].name) == 0)
			kinds[i].run();
	pause();
	return 0;
}
