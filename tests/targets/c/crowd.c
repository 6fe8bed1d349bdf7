/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `crowd N`: N threads wait for one mutex, and so does, last of all, a thread that holds another
 * one; for which the holder of the first waits: a deadlock with a crowd behind it. Says READY and
 * who is who once all of them sleep.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static pthread_mutex_t popular = PTHREAD_MUTEX_INITIALIZER, other = PTHREAD_MUTEX_INITIALIZER;
static pthread_barrier_t both_hold;
static volatile pid_t holder, last;
static volatile int sink;

static int sleeps(pid_t tid)
{
	char path[64], text[8] = "";
	int fd;

	snprintf(path, sizeof(path), "/proc/self/task/%d/syscall", tid);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return 0;
	if (read(fd, text, sizeof(text) - 1) < 4)
		text[0] = '\0';
	close(fd);
	return strncmp(text, "202 ", 4) == 0;
}

static void await_sleep(volatile pid_t *tid)
{
	while (!*tid || !sleeps(*tid))
		usleep(1000);
}

__attribute__((noinline)) static void take(pthread_mutex_t *m)
{
	pthread_mutex_lock(m);
	sink++;
}

static void *hold_popular(void *arg)
{
	take(&popular);
	holder = (pid_t)syscall(SYS_gettid);
	pthread_barrier_wait(&both_hold);
	take(&other);
	return arg;
}

static void *hold_other(void *arg)
{
	take(&other);
	last = (pid_t)syscall(SYS_gettid);
	pthread_barrier_wait(&both_hold);
	take(&popular);
	return arg;
}

static void *join_crowd(void *tid)
{
	*(volatile pid_t *)tid = (pid_t)syscall(SYS_gettid);
	take(&popular);
	return NULL;
}

static void start(void *(*run)(void *), void *arg)
{
	pthread_attr_t attr;
	pthread_t t;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 64 * 1024);
	if (pthread_create(&t, &attr, run, arg) != 0)
		exit(1);
}

int main(int argc, char **argv)
{
	int n = argc > 1 ? atoi(argv[1]) : 100;
	volatile pid_t *tids = calloc((size_t)n, sizeof(*tids));

	if (!tids)
		return 1;
	pthread_barrier_init(&both_hold, NULL, 2);
	start(hold_popular, NULL);
	while (!holder)
		usleep(1000);
	for (int i = 0; i < n; i++)
		start(join_crowd, (void *)&tids[i]);
	for (int i = 0; i < n; i++)
		await_sleep(&tids[i]);
	/* With the highest tid of all. */
	start(hold_other, NULL);
	await_sleep(&last);
	await_sleep(&holder);
	printf("READY {\"pid\": %d, \"cycle\": [%d, %d], \"crowd\": %d}\n", getpid(), holder, last,
	       n);
	fflush(stdout);
	getchar();
	return 0;
}
