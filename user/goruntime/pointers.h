/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which words of the heap are pointers, as the collector itself knows it (runtime/mbitmap.go), in
 * the three forms that Go 1.18 to 1.27 have. What comes out is one form: a bit a word, from a
 * span's first word on, and nothing beyond its last whole object.
 *
 * Go 1.18, 1.19: two bits a word in the arena's record, "pointer" and "more of them behind".
 * Go 1.20, 1.21: one bit a word there, and for each 64 of them one that says "no more".
 * Go 1.22 and on: objects up to 512 bytes have their bits at the end of their span, others a word
 * with their type in front, and those with a span of their own have the type in the span.
 * Go 1.24: a large type's mask is made when it is first needed.
 * Go 1.26: small spans end with the collector's inline marks, behind the bits.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "base/span.h"

struct go_runtime;

/* runtime/malloc.go, linux/amd64: heapArenaBytes. */
#define ARENA_BYTES (64ull << 20)
/* minSizeForMallocHeader: larger objects have their type with them. */
#define SMALL_OBJECT 512
/* gcUsesSpanInlineMarkBits: spans of objects from this size to SMALL_OBJECT have inline marks. */
#define MARKED_FROM 16

enum pointer_form { POINTERS_PAIRS, POINTERS_BITS, POINTERS_TYPES };
enum pointer_form pointers_form(int minor);

/*
 * Bytes of an arena's record that describe `words` words from word `first` of the arena on, and
 * where they begin. Both are whole multiples of 64. Not with POINTERS_TYPES.
 */
uint64_t pointers_bitmap_at(enum pointer_form form, uint64_t first_word);
size_t pointers_bitmap_bytes(enum pointer_form form, size_t words);
/* Where the "no more" bits of an arena's record begin (Go 1.20, 1.21), and a byte of them. */
#define POINTERS_NO_MORE (ARENA_BYTES / 64)
uint64_t pointers_no_more_at(uint64_t first_word);

/*
 * From an arena's bits to ours. A span is described in one piece, or in several when it holds one
 * large object: `ended` is false at first, and carries from piece to piece that this object has no
 * more. mask: words / 64 of them, words a multiple of 64; those of an object that is cut by
 * `words` are left to the next piece.
 */
void pointers_from_pairs(struct span bitmap, size_t elem_words, size_t words, uint64_t *mask,
			 bool *ended);
void pointers_from_bits(struct span bitmap, struct span no_more, size_t elem_words, size_t words,
			uint64_t *mask, bool *ended);
/* Small objects of Go 1.22 and on: `bytes` is the whole span. */
void pointers_from_span(struct span bytes, bool inline_marks, uint64_t *mask);
/* Clears the bits from word n on. */
void pointers_cut(uint64_t *mask, size_t words, size_t n);
/* Clears the bits [from, to). */
void pointers_clear(uint64_t *mask, size_t from, size_t to);

/*
 * Do spans of that element size end with inline marks? Their number of elements says so: 1 yes,
 * 0 no, -1 it would be the same either way, or neither.
 */
int pointers_inline_marks(uint64_t span_bytes, uint64_t elem_size, uint32_t n_elems, bool noscan);

/* --- Types --- */

/* A type's pointers: the first ptr_words of each size_words. */
struct type_mask {
	uint64_t size_words;
	uint64_t ptr_words;
	const uint64_t *bits;	/* ptr_words of them; NULL: unknown, all words may be pointers */
};

/*
 * Sets the bits of an array of that type: those of its words [from, from + n) go to bit `at` and on.
 */
void pointers_from_type(const struct type_mask *t, uint64_t from, size_t n, uint64_t *mask,
			size_t at);

/* Masks by the address of the type; a cache. */
struct type_masks;
int type_masks_open(struct go_runtime *rt, struct type_masks **ret);
void type_masks_free(struct type_masks *m);
DEFINE_CLEANUP(struct type_masks, type_masks_free)
/*
 * The mask of a type; NULL when there is none that an object of elem_bytes could be of: unreadable,
 * absurd, or beyond what we keep. Valid as long as the cache.
 */
const struct type_mask *type_masks_get(struct type_masks *m, uint64_t type, uint64_t elem_bytes);

/* --- Variables --- */

struct module_masks {
	uint64_t *data, *bss;	/* a bit a word from moduledata.data and .bss on; malloc'ed */
	uint64_t data_words, bss_words;
};
/* -EBADMSG they do not fit their sections; -EFAULT; -ENOMEM. */
int module_masks_read(struct go_runtime *rt, struct module_masks *ret);
void module_masks_done(struct module_masks *m);
