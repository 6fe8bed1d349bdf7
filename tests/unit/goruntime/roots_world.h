/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the runtime keeps besides, in the heap of heap_world.h: three spans with specials, a block of
 * finalizers and one of cleanups, a thread that runs a goroutine and one that waits for work, and a
 * second module. For unit tests and the fuzz target.
 */
#pragma once

#include "heap_world.h"

/* Offsets in w->persistent, and what stands there. */
#define RW_SPECIALS 0x2400u	/* of 64 bytes each */
#define RW_SPECIAL 64u
#define RW_N_SPECIALS 7
#define RW_CLEANUPS 0x2800u	/* a cleanupBlock */
#define RW_THREADS 0x0100u	/* two m, of 1 KiB each */
#define RW_GS 0x2a00u		/* g0 of the first, its goroutine, gsignal: 512 bytes each */
#define RW_FINALIZERS 0x3000u	/* a finBlock */
/* In w->controller, behind it. */
#define RW_MODULE 0x300u	/* moduledata.next of the first module, in the last quarter */
/* In w->heads. */
#define RW_ALLFIN 0x1a0u
#define RW_ALLM 0x1a8u
#define RW_CLEANUP_QUEUE 0x008u	/* its `all` at RW_CLEANUP_ALL */

/* Words that are to be found, by kind; objects' addresses are the heap's own. */
#define RW_FUNCTION(i) (0xc000900000ull + 16 * (i))
/* The stack of the g0: the end of the page bits. */
#define RW_STACK (HW_CHUNK_BITS + 0x1000)
#define RW_STACK_BYTES 0x400

/* heap_world_build(), and all that. */
void roots_world_build(struct heap_world *w);
/* As heap_world_open(); the words that the runtime's own layout says are there too. */
int roots_world_open(struct heap_world *w, struct diag *d);
/* The bytes of the i-th special; its word at `off` becomes v. */
void roots_world_special(struct heap_world *w, unsigned int i, int32_t off, uint64_t v, size_t len);
uint64_t roots_world_special_at(unsigned int i);
/* A word of w->persistent. */
void roots_world_word(struct heap_world *w, uint64_t off, uint64_t v);
/* The bytes that are worth changing: the i-th piece, or NULL after the last. */
uint8_t *roots_world_piece(struct heap_world *w, size_t i, size_t *len);
