// SPDX-License-Identifier: Apache-2.0
#include "report/go_text.h"

#include <inttypes.h>
#include <string.h>

#include "report/utf8.h"

/* unicode.IsPrint takes no other blank than the ASCII one. */
static bool is_blank(uint32_t c)
{
	return c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x202f ||
	       c == 0x205f || c == 0x3000;
}

static void quote_char(const char *s, size_t len, uint32_t c, FILE *out)
{
	static const char letters[] = "abtnvfr";	/* from 7 on */

	if (len == 0)
		fprintf(out, "\\x%02x", (uint8_t)*s);
	else if (c == '"' || c == '\\')
		fprintf(out, "\\%c", (char)c);
	else if (c >= 7 && c <= 13)
		fprintf(out, "\\%c", letters[c - 7]);
	else if (c < 0x20 || c == 0x7f)
		fprintf(out, "\\x%02" PRIx32, c);
	else if (utf8_columns(c) && !is_blank(c))
		fwrite(s, 1, len, out);
	else
		fprintf(out, c < 0x10000 ? "\\u%04" PRIx32 : "\\U%08" PRIx32, c);
}

void go_quote(const char *s, FILE *out)
{
	size_t n = strlen(s);

	fputc('"', out);
	while (n) {
		uint32_t c = 0;
		size_t len = utf8_decode(s, n, &c);

		quote_char(s, len, c, out);
		s += len ? len : 1;
		n -= len ? len : 1;
	}
	fputc('"', out);
}

bool go_frame_is_physical(const struct stack *s, uint32_t i)
{
	return !s->frames[i].inlined || i + 1 == s->n;
}

uint64_t go_call_pc(const struct frame *f)
{
	return f->pc > f->entry ? f->pc - 1 : f->pc;
}
