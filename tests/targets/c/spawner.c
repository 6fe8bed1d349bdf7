/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes threads at two sites until its standard input ends: those of stayer() stay for ever, one
 * each 50 ms; those of goer() go after some milliseconds, and the next one follows. Prints as its
 * truth where the functions are.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static atomic_bool ends;

static void *stay(void *arg)
{
	for (;;)
		pause();
	return arg;
}

static void *go(void *arg)
{
	usleep(3000);
	return arg;
}

static void make(pthread_t *t, void *(*body)(void *))
{
	pthread_attr_t attr;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 65536);
	if (pthread_create(t, &attr, body, NULL))
		abort();
	pthread_attr_destroy(&attr);
}

__attribute__((noinline, noipa)) static void stayer(void)
{
	pthread_t t;

	make(&t, stay);
	pthread_detach(t);
}

__attribute__((noinline, noipa)) static void goer(void)
{
	pthread_t t;

	make(&t, go);
	pthread_join(t, NULL);
}

static void *go_on(void *arg)
{
	while (!ends)
		goer();
	return arg;
}

static void *stay_on(void *arg)
{
	while (!ends) {
		stayer();
		usleep(50000);
	}
	return arg;
}

int main(void)
{
	pthread_t t;

	if (pthread_create(&t, NULL, go_on, NULL) || pthread_create(&t, NULL, stay_on, NULL))
		return 1;
	printf("READY {\"pid\": %d, \"stays\": \"stayer\", \"goes\": \"goer\"}\n", getpid());
	fflush(stdout);
	while (getchar() != EOF)
		;
	ends = true;
	return 0;
}
