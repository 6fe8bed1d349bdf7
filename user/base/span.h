/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Foreign bytes and the one bounds-checked way to look at them. Little endian throughout: amd64
 * and arm64 are the targets. A read outside the span gives 0 and marks the span as overrun; the
 * mark is sticky, so a parser checks once at the end of a record rather than after every field.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct span {
	const uint8_t *data;
	size_t len;
	bool overrun;		/* some read so far went outside */
};

static inline struct span span_of(const void *data, size_t len)
{
	return (struct span){ .data = data, .len = len };
}

/* True and unmarked when [off, off + n) lies inside; otherwise marks the overrun. */
static inline bool span_has(struct span *s, uint64_t off, uint64_t n)
{
	if (off <= s->len && n <= s->len - off)
		return true;
	s->overrun = true;
	return false;
}

static inline uint8_t span_u8(struct span *s, uint64_t off)
{
	return span_has(s, off, 1) ? s->data[off] : 0;
}

static inline uint16_t span_u16(struct span *s, uint64_t off)
{
	uint16_t v = 0;

	if (span_has(s, off, sizeof(v)))
		memcpy(&v, s->data + off, sizeof(v));
	return v;
}

static inline uint32_t span_u32(struct span *s, uint64_t off)
{
	uint32_t v = 0;

	if (span_has(s, off, sizeof(v)))
		memcpy(&v, s->data + off, sizeof(v));
	return v;
}

static inline uint64_t span_u64(struct span *s, uint64_t off)
{
	uint64_t v = 0;

	if (span_has(s, off, sizeof(v)))
		memcpy(&v, s->data + off, sizeof(v));
	return v;
}

/*
 * Decodes an unsigned LEB128 (Go's binary.Uvarint, at most 32 bits as pclntab uses it) at *off
 * and moves *off past it. Overrun or more than five bytes: 0 and the mark.
 */
static inline uint32_t span_uvarint(struct span *s, size_t *off)
{
	uint32_t v = 0;

	for (unsigned int shift = 0; shift < 35; shift += 7) {
		uint8_t b = span_u8(s, *off);

		if (s->overrun)
			return 0;
		(*off)++;
		v |= (uint32_t)(b & 0x7f) << (shift & 31);
		if (!(b & 0x80))
			return v;
	}
	s->overrun = true;
	return 0;
}
