/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads that lock each other out, two, three and one, beside healthy ones that only look so. Says
 * READY and which is which once the sick ones sleep for good.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { SICK = 6, HEALTHY = 7, THREADS = SICK + HEALTHY + 2 };

/* Locks 0, 1: two threads; 2, 3, 4: three threads; 5: one alone; 6: held by a sleeper for ever. */
static pthread_mutex_t lock[7];
static pthread_barrier_t all_hold[2];
static pthread_mutex_t busy = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t slow = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t idle = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t work = PTHREAD_COND_INITIALIZER;
static pthread_rwlock_t table = PTHREAD_RWLOCK_INITIALIZER;

static volatile pid_t tid_of[THREADS];
static volatile int here[THREADS];
static volatile int sink;

static void sleep_ms(long ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	while (nanosleep(&t, &t) < 0 && errno == EINTR)
		;
}

static void say_here(long i)
{
	tid_of[i] = (pid_t)syscall(SYS_gettid);
	__sync_synchronize();
	here[i] = 1;
}

/* The place where the sick ones stay; what follows the call keeps it from being a jump. */
__attribute__((noinline)) static void take_second(int n)
{
	pthread_mutex_lock(&lock[n]);
	sink += n;
}

__attribute__((noinline)) static void take_both(int first, int second)
{
	/* A frame that only a register or the frame information leads out of. */
	volatile char *room = __builtin_alloca((size_t)(64 + first * 16));

	room[0] = (char)first;
	pthread_mutex_lock(&lock[first]);
	pthread_barrier_wait(&all_hold[first > 1]);
	take_second(second);
	sink += room[0];
}

__attribute__((noinline)) static void *sick(void *arg)
{
	static const int first[SICK] = { 0, 1, 2, 3, 4, 5 };
	static const int second[SICK] = { 1, 0, 3, 4, 2, 5 };
	long i = (long)arg;

	say_here(i);
	if (i == 5) {
		pthread_mutex_lock(&lock[5]);
		take_second(5);
	} else {
		take_both(first[i], second[i]);
	}
	return NULL;
}

/* Waits long, and often, and always gets on. */
static void *mover(void *arg)
{
	say_here((long)arg);
	for (;;) {
		pthread_mutex_lock(&busy);
		sleep_ms(120);
		pthread_mutex_unlock(&busy);
		sched_yield();
	}
	return NULL;
}

/* Waits for work that never comes: an idle pool does. */
static void *consumer(void *arg)
{
	say_here((long)arg);
	pthread_mutex_lock(&idle);
	for (;;)
		pthread_cond_wait(&work, &idle);
	return NULL;
}

/* Holds a lock for long, and gives it back: to waiter(), who holds it for no time. */
static void *long_holder(void *arg)
{
	say_here((long)arg);
	for (;;) {
		pthread_mutex_lock(&slow);
		sleep_ms(700);
		pthread_mutex_unlock(&slow);
		sleep_ms(5);
	}
	return NULL;
}

static void *waiter(void *arg)
{
	say_here((long)arg);
	for (;;) {
		pthread_mutex_lock(&slow);
		pthread_mutex_unlock(&slow);
		sleep_ms(1);
	}
	return NULL;
}

static void *table_writer(void *arg)
{
	say_here((long)arg);
	for (;;) {
		pthread_rwlock_wrlock(&table);
		sleep_ms(90);
		pthread_rwlock_unlock(&table);
		sched_yield();
	}
	return NULL;
}

/* Holds lock 6 and never comes back: no cycle, only a lock that stays closed. */
__attribute__((noinline)) static void *sleeper(void *arg)
{
	pthread_mutex_lock(&lock[6]);
	say_here((long)arg);
	for (;;)
		pause();
	return NULL;
}

__attribute__((noinline)) static void *shut_out(void *arg)
{
	while (!here[THREADS - 2])
		sleep_ms(1);
	say_here((long)arg);
	take_second(6);
	return NULL;
}

/* Does it sleep in a futex (system call 202)? The kernel alone knows. */
static bool sleeps(pid_t tid)
{
	char path[64], text[8] = "";
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/task/%d/syscall", tid);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return false;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	return n > 4 && strncmp(text, "202 ", 4) == 0;
}

static void print_truth(void)
{
	printf("READY {\"pid\": %d, \"cycles\": [[%d, %d], [%d, %d, %d], [%d]], ", getpid(),
	       tid_of[0], tid_of[1], tid_of[2], tid_of[3], tid_of[4], tid_of[5]);
	/* waits_for: tid: the lock */
	printf("\"waits_for\": {\"%d\": %lu, \"%d\": %lu, \"%d\": %lu, \"%d\": %lu, \"%d\": %lu, "
	       "\"%d\": %lu}, ",
	       tid_of[0], (unsigned long)&lock[1], tid_of[1], (unsigned long)&lock[0], tid_of[2],
	       (unsigned long)&lock[3], tid_of[3], (unsigned long)&lock[4], tid_of[4],
	       (unsigned long)&lock[2], tid_of[5], (unsigned long)&lock[5]);
	printf("\"stall\": {\"holder\": %d, \"waiter\": %d, \"lock\": %lu}, ",
	       tid_of[THREADS - 2], tid_of[THREADS - 1], (unsigned long)&lock[6]);
	printf("\"busy\": %lu, \"slow\": %lu, ", (unsigned long)&busy, (unsigned long)&slow);
	printf("\"functions\": {\"take_second\": %lu, \"take_both\": %lu, \"sick\": %lu, "
	       "\"sleeper\": %lu, \"shut_out\": %lu, \"mover\": %lu, "
	       "\"long_holder\": %lu, \"waiter\": %lu, \"table_writer\": %lu, "
	       "\"consumer\": %lu}, \"healthy\": [",
	       (unsigned long)take_second, (unsigned long)take_both, (unsigned long)sick,
	       (unsigned long)sleeper, (unsigned long)shut_out, (unsigned long)mover,
	       (unsigned long)long_holder, (unsigned long)waiter, (unsigned long)table_writer,
	       (unsigned long)consumer);
	for (int i = SICK; i < SICK + HEALTHY; i++)
		printf("%s%d", i > SICK ? ", " : "", tid_of[i]);
	printf("]}\n");
	fflush(stdout);
}

int main(void)
{
	void *(*run[THREADS])(void *) = { sick, sick, sick, sick, sick, sick, mover, mover,
					  consumer, long_holder, waiter, table_writer,
					  table_writer, sleeper, shut_out };
	pthread_t t;

	for (int i = 0; i < 7; i++)
		pthread_mutex_init(&lock[i], NULL);
	pthread_barrier_init(&all_hold[0], NULL, 2);
	pthread_barrier_init(&all_hold[1], NULL, 3);
	for (long i = 0; i < THREADS; i++)
		if (pthread_create(&t, NULL, run[i], (void *)i) != 0)
			return 1;
	for (int i = 0; i < THREADS; i++)
		while (!here[i] || ((i < SICK || i == THREADS - 1) && !sleeps(tid_of[i])))
			sleep_ms(1);
	print_truth();
	getchar();
	return 0;
}
