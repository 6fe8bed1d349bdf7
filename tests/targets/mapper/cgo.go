// SPDX-License-Identifier: Apache-2.0

//go:build cgo

package main

/*
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { PIECE = 256 << 10 };

__attribute__((noinline)) static void *map_in_c(void)
{
	void *p = mmap(NULL, PIECE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return memset(p, 1, PIECE);
}

__attribute__((noinline)) static void *block_in_c(void)
{
	void *p = malloc(PIECE);

	return memset(p, 1, PIECE);
}
*/
import "C"

import "time"

func init() {
	sites = append(sites,
		site{"cleak", "map_in_c", "main.leakInC", "native-growth", leakInC},
		site{"cblock", "block_in_c", "main.blockInC", "cgo-heap", blockInC})
}

func leakInC() {
	for range time.Tick(50 * time.Millisecond) {
		C.map_in_c()
	}
}

func blockInC() {
	for range time.Tick(50 * time.Millisecond) {
		C.block_in_c()
	}
}
