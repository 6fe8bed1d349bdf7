// SPDX-License-Identifier: Apache-2.0

//go:build cgo
// +build cgo

package main

/*
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static pthread_barrier_t there;

static void *stand(void *arg)
{
	volatile char room[1 << 20];

	for (size_t i = 0; i < sizeof(room); i += 4096)
		room[i] = 1;
	pthread_barrier_wait(&there);
	for (;;)
		pause();
	return arg;
}

// 17 MiB in small blocks, and threads of its own that stand deep in their stacks.
static void use_c(void)
{
	pthread_t t;

	pthread_barrier_init(&there, NULL, 5);
	for (int i = 0; i < 17 * 256; i++)
		memset(malloc(4000), 1, 4000);
	for (int i = 0; i < 4; i++)
		pthread_create(&t, NULL, stand, NULL);
	pthread_barrier_wait(&there);
}

static size_t c_used(void) { return mallinfo2().uordblks; }
static size_t c_free(void) { return mallinfo2().fordblks; }
*/
import "C"

func init() {
	cBytes = func() map[string]uint64 {
		C.use_c()
		return map[string]uint64{"c_used": uint64(C.c_used()), "c_free": uint64(C.c_free()),
			"thread_stacks": 4 << 20}
	}
}
