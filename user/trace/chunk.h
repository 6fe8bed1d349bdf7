/* SPDX-License-Identifier: Apache-2.0 */
/* What stands in and around one allocation of glibc's, read from outside. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"

/* glibc's malloc_chunk (malloc/malloc.c): three flags stand in the low bits of the size. */
enum { CHUNK_PREV_INUSE = 1, CHUNK_IS_MMAPPED = 2, CHUNK_FLAGS = 7 };

/* Bytes of an allocation that its print is of, at most. */
enum { CHUNK_PRINT_BYTES = 64 };

/* How many of those a chunk with that size word has. */
size_t chunk_print_len(uint64_t header);
/* A number for those bytes; never 0, which stands for unknown. */
uint64_t chunk_print(const void *bytes, size_t len);

struct chunk_to_print {
	uint64_t addr, header;	/* what malloc() returned, and the chunk's size word */
	uint64_t print;		/* out; 0: it could not be read */
};
/* 0; -ESRCH, -ENOMEM. */
int chunk_prints(struct mem *heap, struct chunk_to_print *all, size_t n);

/*
 * Is an allocation still one, by the chunks after it? When it was freed and became part of a larger
 * free chunk, its own header may stay as it was, and the next one's; but the chunk behind the free
 * one says where that begins. 1 nothing speaks against it, 0 its header is a leftover; -EAGAIN:
 * what was read makes no sense, for the heap was just changing; -ESRCH.
 */
int chunk_stands(struct mem *heap, uint64_t addr, uint64_t header);
