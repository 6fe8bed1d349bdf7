// SPDX-License-Identifier: Apache-2.0
#include "goruntime/pointers.h"

#include <string.h>

#include "goruntime/goruntime.h"

#define WORD_BITS 64
/* runtime/mgcmark_greenteagc.go, spanInlineMarkBits. */
#define INLINE_MARKS 128


enum pointer_form pointers_form(int minor)
{
	return minor < 20 ? POINTERS_PAIRS : minor < 22 ? POINTERS_BITS : POINTERS_TYPES;
}

uint64_t pointers_bitmap_at(enum pointer_form form, uint64_t first_word)
{
	return first_word / (form == POINTERS_PAIRS ? 4 : 8);
}

size_t pointers_bitmap_bytes(enum pointer_form form, size_t words)
{
	return words / (form == POINTERS_PAIRS ? 4 : 8);
}

uint64_t pointers_no_more_at(uint64_t first_word)
{
	return POINTERS_NO_MORE + first_word / WORD_BITS / 8;
}

void pointers_cut(uint64_t *mask, size_t words, size_t n)
{
	for (size_t at = n; at < words; at += WORD_BITS - at % WORD_BITS)
		mask[at / WORD_BITS] &= at % WORD_BITS ? (1ull << at % WORD_BITS) - 1 : 0;
}

void pointers_clear(uint64_t *mask, size_t from, size_t to)
{
	while (from < to) {
		size_t bit = from % WORD_BITS, n = WORD_BITS - bit;

		if (n > to - from)
			n = to - from;
		mask[from / WORD_BITS] &= ~((n == WORD_BITS ? ~0ull : (1ull << n) - 1) << bit);
		from += n;
	}
}

/* The first clear bit of [from, to) in `scan`, or to. */
static size_t first_clear(const uint64_t *scan, size_t from, size_t to)
{
	while (from < to) {
		uint64_t left = ~scan[from / WORD_BITS] >> from % WORD_BITS;

		if (left) {
			from += (size_t)__builtin_ctzll(left);
			return from < to ? from : to;
		}
		from += WORD_BITS - from % WORD_BITS;
	}
	return to;
}

/* Four bits out of each half of a byte: the low ones say pointer, the high ones scan. */
static void split_pairs(struct span *bitmap, size_t block, uint64_t *pointer, uint64_t *scan)
{
	*pointer = *scan = 0;
	for (size_t i = 0; i < WORD_BITS / 4; i++) {
		uint64_t byte = span_u8(bitmap, block * (WORD_BITS / 4) + i);

		*pointer |= (byte & 15) << 4 * i;
		*scan |= (byte >> 4) << 4 * i;
	}
}

/* Enough for a span of any size class (80 KiB) in one piece, and for the pieces of large objects. */
#define SCAN_BLOCKS 256

void pointers_from_pairs(struct span bitmap, size_t elem_words, size_t words, uint64_t *mask,
			 bool *ended)
{
	uint64_t scan[SCAN_BLOCKS];
	size_t at = 0;

	for (size_t done = 0; done < words;) {
		size_t n = words - done < SCAN_BLOCKS * WORD_BITS ? words - done
								 : SCAN_BLOCKS * WORD_BITS;
		size_t begin = done, end = done + n;

		for (size_t i = 0; i < n / WORD_BITS; i++)
			split_pairs(&bitmap, done / WORD_BITS + i, &mask[done / WORD_BITS + i],
				    &scan[i]);
		/* What is behind an object's first word without "scan" is of no meaning. */
		while (begin < end) {
			size_t stop = elem_words && elem_words < end - at ? at + elem_words : end;

			if (!*ended) {
				size_t last = first_clear(scan, begin - done, stop - done) + done;

				*ended = last < stop;
				pointers_clear(mask, last, stop);
			} else {
				pointers_clear(mask, begin, stop);
			}
			begin = stop;
			if (elem_words && stop - at == elem_words) {
				at = stop;
				*ended = false;
			}
		}
		done = end;
	}
}

void pointers_from_bits(struct span bitmap, struct span no_more, size_t elem_words, size_t words,
			uint64_t *mask, bool *ended)
{
	size_t blocks = words / WORD_BITS;

	for (size_t i = 0; i < blocks; i++)
		mask[i] = span_u64(&bitmap, i * 8);
	/*
	 * "No more" is said of the object that goes on into the next block: only that one's bits
	 * there are of no meaning.
	 */
	for (size_t i = 0; i < blocks; i++) {
		size_t from = i * WORD_BITS, to = from + WORD_BITS, stop = to;

		if (elem_words && elem_words < words) {
			size_t first = from / elem_words * elem_words;

			if (first < from && first + elem_words < to)
				stop = first + elem_words;
			else if (first == from)
				stop = from;
		}
		if (*ended)
			pointers_clear(mask, from, stop);
		/* An object that begins or goes on in this block starts afresh. */
		if (stop < to)
			*ended = false;
		if (span_u8(&no_more, i / 8) >> (i % 8) & 1)
			*ended = true;
	}
}

void pointers_from_span(struct span bytes, bool inline_marks, uint64_t *mask)
{
	size_t blocks = bytes.len / 8 / WORD_BITS;
	size_t at = bytes.len - blocks * 8 - (inline_marks ? INLINE_MARKS : 0);

	for (size_t i = 0; i < blocks; i++)
		mask[i] = span_u64(&bytes, at + i * 8);
}

int pointers_inline_marks(uint64_t span_bytes, uint64_t elem_size, uint32_t n_elems, bool noscan)
{
	uint64_t bits = noscan ? 0 : span_bytes / 64, plain, marked;

	if (elem_size < MARKED_FROM || elem_size > SMALL_OBJECT ||
	    span_bytes < bits + INLINE_MARKS)
		return -1;
	plain = (span_bytes - bits) / elem_size;
	marked = (span_bytes - bits - INLINE_MARKS) / elem_size;
	if (plain == marked)
		return -1;
	return n_elems == marked ? 1 : n_elems == plain ? 0 : -1;
}

/* --- Types --- */

/* Sets n bits from `bits`, from bit `from` of it on, at bit `at` of mask. */
static void put_bits(const uint64_t *bits, uint64_t from, size_t n, uint64_t *mask, size_t at)
{
	while (n) {
		unsigned int in = from % WORD_BITS, out = at % WORD_BITS;
		size_t k = WORD_BITS - (in > out ? in : out);
		uint64_t word;

		if (k > n)
			k = n;
		word = bits ? bits[from / WORD_BITS] >> in : ~0ull;
		if (k < WORD_BITS)
			word &= (1ull << k) - 1;
		mask[at / WORD_BITS] |= word << out;
		from += k;
		at += k;
		n -= k;
	}
}

void pointers_from_type(const struct type_mask *t, uint64_t from, size_t n, uint64_t *mask,
			size_t at)
{
	uint64_t in = t->size_words ? from % t->size_words : 0;
	size_t done = 0;

	/* Every word is one: the commonest array there is. */
	if (t->size_words == t->ptr_words && (t->size_words <= 1 || !t->bits)) {
		put_bits(NULL, 0, n, mask, at);
		return;
	}
	while (done < n) {
		uint64_t k = t->size_words - in;

		if (k > n - done)
			k = n - done;
		if (in < t->ptr_words)
			put_bits(t->bits, in, t->ptr_words - in < k ? t->ptr_words - in : k, mask,
				 at + done);
		done += k;
		in = 0;
	}
}
