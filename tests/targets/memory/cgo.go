// SPDX-License-Identifier: Apache-2.0

//go:build cgo
// +build cgo

package main

/*
#cgo LDFLAGS: -lpthread
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MIB = 1 << 20 };

static char **blocks(int mib, int size)
{
	int n = mib * MIB / size;
	char **all = malloc(n * sizeof(*all));

	for (int i = 0; i < n; i++) {
		all[i] = malloc(size);
		memset(all[i], 1, size);
	}
	return all;
}

// The block made last stays, so that the top of the heap cannot shrink below it.
static void free_blocks(int mib, int size, int keep_every)
{
	int n = mib * MIB / size;
	char **all = blocks(mib, size);

	for (int i = 0; i < n - 1; i++)
		if (!keep_every || i % keep_every)
			free(all[i]);
}

static void *map_more(int mib)
{
	char *p = mmap(NULL, (size_t)mib * MIB, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	memset(p, 1, (size_t)mib * MIB);
	return p;
}

static pthread_barrier_t started;

static void *wait_for_good(void *deep)
{
	if (deep) {
		volatile char room[2 * MIB];

		for (int i = 0; i < 2 * MIB; i += 4096)
			room[i] = 1;
	}
	pthread_barrier_wait(&started);
	for (;;)
		pause();
}

static void start_threads(int n, int deep)
{
	pthread_t t;

	pthread_barrier_init(&started, NULL, n + 1);
	for (int i = 0; i < n; i++)
		pthread_create(&t, NULL, wait_for_good, deep ? &started : NULL);
	pthread_barrier_wait(&started);
}
*/
import "C"

func init() {
	rows = append(rows, []*row{
		{Name: "cfree", Pattern: "heap-not-returned", Verdict: "explained", start: func(r *row) {
			C.free_blocks(96, 1024, 0)
			r.Bytes = 96 * mib
		}},
		{Name: "cslots", Pattern: "heap-not-returned", Verdict: "explained", start: func(r *row) {
			C.free_blocks(96, 1024, 4)
			r.Bytes = 72 * mib
		}},
		{Name: "cstacks", Pattern: "cgo-threads", Verdict: "explained", start: func(r *row) {
			C.start_threads(24, 1)
			r.Bytes = 48 * mib
		}},
		{Name: "cheap", Pattern: "cgo-heap", Verdict: "candidate", grow: func(r *row) {
			C.blocks(24, 1024)
			r.Bytes += 24 * mib
		}},
		{Name: "cblocks", Pattern: "cgo-heap", Verdict: "candidate", grow: func(r *row) {
			C.blocks(24, 4*mib)
			r.Bytes += 24 * mib
		}},
		{Name: "cmaps", Pattern: "native-growth", Verdict: "candidate", grow: func(r *row) {
			C.map_more(24)
			r.Bytes += 24 * mib
		}},
		{Name: "cthreads", Pattern: "cgo-threads", Verdict: "candidate", grow: func(r *row) {
			C.start_threads(16, 0)
		}},
		{Name: "cfull", start: func(r *row) {
			C.blocks(96, 1024)
			r.Bytes = 96 * mib
		}},
	}...)
}
