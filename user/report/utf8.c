// SPDX-License-Identifier: Apache-2.0
#include "report/utf8.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

size_t utf8_decode(const char *s, size_t n, uint32_t *ret)
{
	static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const uint8_t *b = (const uint8_t *)s;
	uint32_t c;
	size_t len;

	if (n == 0)
		return 0;
	if (b[0] < 0x80) {
		*ret = b[0];
		return 1;
	}
	if ((b[0] & 0xe0) == 0xc0)
		len = 2;
	else if ((b[0] & 0xf0) == 0xe0)
		len = 3;
	else if ((b[0] & 0xf8) == 0xf0)
		len = 4;
	else
		return 0;
	if (len > n)
		return 0;
	c = b[0] & (0x7fu >> len);
	for (size_t i = 1; i < len; i++) {
		if ((b[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (b[i] & 0x3f);
	}
	if (c < smallest[len] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*ret = c;
	return len;
}

bool utf8_valid(const char *s, size_t n)
{
	uint32_t c;

	for (size_t i = 0, len; i < n; i += len) {
		len = utf8_decode(s + i, n - i, &c);
		if (len == 0)
			return false;
	}
	return true;
}

char *utf8_repair(const char *s)
{
	size_t n = strlen(s);
	char *out, *p;

	if (n > (SIZE_MAX - 1) / 3)
		return NULL;
	out = p = malloc(3 * n + 1);
	if (!out)
		return NULL;
	while (n) {
		uint32_t c;
		size_t len = utf8_decode(s, n, &c);

		p = mempcpy(p, len ? s : UTF8_REPLACEMENT, len ? len : 3);
		s += len ? len : 1;
		n -= len ? len : 1;
	}
	*p = '\0';
	return out;
}

struct range {
	uint32_t first, last;
};

static bool in_ranges(uint32_t c, const struct range *r, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (c >= r[i].first && c <= r[i].last)
			return true;
	return false;
}

unsigned int utf8_columns(uint32_t c)
{
	/* C0, DEL, C1; soft hyphen; zero width and bidi controls; fillers; tags; non-characters. */
	static const struct range hidden[] = {
		{ 0x00, 0x1f },	    { 0x7f, 0x9f },	{ 0xad, 0xad },	    { 0x61c, 0x61c },
		{ 0x115f, 0x1160 }, { 0x180e, 0x180e }, { 0x200b, 0x200f }, { 0x2028, 0x202e },
		{ 0x2060, 0x206f }, { 0x3164, 0x3164 }, { 0xe000, 0xf8ff }, { 0xfe00, 0xfe0f },
		{ 0xfeff, 0xfeff }, { 0xfff0, 0xfffb }, { 0xfffe, 0xffff }, { 0xe0000, 0x10ffff },
	};
	/* East Asian wide and emoji, generously: a column too many only leaves a gap. */
	static const struct range wide[] = {
		{ 0x1100, 0x115e }, { 0x231a, 0x23ff }, { 0x25fd, 0x27bf },   { 0x2b1b, 0x2b55 },
		{ 0x2e80, 0xa4cf }, { 0xa960, 0xa97f }, { 0xac00, 0xd7a3 },   { 0xf900, 0xfaff },
		{ 0xfe10, 0xfe6f }, { 0xff00, 0xff60 }, { 0xffe0, 0xffe6 },   { 0x16fe0, 0x1b2ff },
		{ 0x1f000, 0x1faff }, { 0x20000, 0x3fffd },
	};

	if (c >= 0x20 && c < 0x7f)
		return 1;
	if (in_ranges(c, hidden, ARRAY_SIZE(hidden)))
		return 0;
	return in_ranges(c, wide, ARRAY_SIZE(wide)) ? 2 : 1;
}
