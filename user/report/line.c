// SPDX-License-Identifier: Apache-2.0
#include "report/line.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "report/utf8.h"

#define ELLIPSIS "\xe2\x80\xa6"

size_t text_char(const char *s, size_t n, char shown[TEXT_CHAR], unsigned int *columns)
{
	uint32_t c;
	size_t len = utf8_decode(s, n, &c);

	*columns = len ? utf8_columns(c) : 0;
	if (*columns) {
		memcpy(shown, s, len);
		shown[len] = '\0';
		return len;
	}
	if (len == 0 || c < 0x80)
		*columns = (unsigned int)snprintf(shown, TEXT_CHAR, "\\x%02x", (uint8_t)*s);
	else
		*columns = (unsigned int)snprintf(shown, TEXT_CHAR, "\\u{%" PRIx32 "}", c);
	return len ? len : 1;
}

char *text_escape(const char *s, char *buf, size_t size)
{
	char shown[TEXT_CHAR], *p = buf;
	size_t n = strlen(s);
	unsigned int columns;

	while (n) {
		size_t took = text_char(s, n, shown, &columns);
		size_t len = strlen(shown);

		if (len >= size)
			break;
		p = mempcpy(p, shown, len);
		size -= len;
		s += took;
		n -= took;
	}
	*p = '\0';
	return buf;
}

char *text_escaped(const char *s)
{
	/* The longest form of a byte is \xNN; longer ones are of more bytes. */
	size_t n = strlen(s), size = 4 * n + 1;
	char *buf = n < SIZE_MAX / 8 ? malloc(size) : NULL;

	return buf ? text_escape(s, buf, size) : NULL;
}

/* Almost every name is. */
static size_t printable_ascii(const char *s)
{
	size_t n = 0;

	while (s[n] >= 0x20 && s[n] < 0x7f)
		n++;
	return n;
}

bool text_is_plain(const char *s)
{
	return s[printable_ascii(s)] == '\0';
}

void text_print(const char *s, FILE *out)
{
	char shown[TEXT_CHAR];
	size_t plain = printable_ascii(s), n = strlen(s + plain);
	unsigned int columns;

	fwrite(s, 1, plain, out);
	s += plain;
	while (n) {
		size_t took = text_char(s, n, shown, &columns);

		fputs(shown, out);
		s += took;
		n -= took;
	}
}

size_t text_length(const char *s)
{
	char shown[TEXT_CHAR];
	size_t sum = printable_ascii(s), n = strlen(s + sum);
	unsigned int columns;

	s += sum;
	while (n) {
		size_t took = text_char(s, n, shown, &columns);

		/* Every character begins with a byte that is not 10xxxxxx. */
		for (const char *p = shown; *p; p++)
			sum += (*p & 0xc0) != 0x80;
		s += took;
		n -= took;
	}
	return sum;
}

size_t text_columns(const char *s)
{
	char shown[TEXT_CHAR];
	size_t sum = printable_ascii(s), n = strlen(s + sum);
	unsigned int columns;

	s += sum;
	while (n) {
		size_t took = text_char(s, n, shown, &columns);

		sum += columns;
		s += took;
		n -= took;
	}
	return sum;
}

void line_init(struct line *l, unsigned int width, bool colour)
{
	if (width == 0)
		width = 80;
	if (width < LINE_MIN_WIDTH)
		width = LINE_MIN_WIDTH;
	if (width > LINE_MAX_WIDTH)
		width = LINE_MAX_WIDTH;
	*l = (struct line){ .width = width, .colour = colour };
}

static bool append_raw(struct line *l, const char *bytes, size_t n)
{
	if (n > sizeof(l->text) - l->len)
		return false;
	memcpy(l->text + l->len, bytes, n);
	l->len += n;
	return true;
}

/* Blanks wait until something follows them: then none can be left at the end of a line. */
static bool append(struct line *l, const char *bytes, size_t n)
{
	if (n == 1 && *bytes == ' ') {
		l->blanks++;
		return true;
	}
	for (; l->blanks; l->blanks--)
		if (!append_raw(l, " ", 1))
			return false;
	return append_raw(l, bytes, n);
}

void line_put_cut(struct line *l, const char *s, unsigned int columns)
{
	unsigned int end = l->at + columns, width;
	char shown[TEXT_CHAR];
	size_t n = strlen(s);
	bool cut;

	if (end > l->width)
		end = l->width;
	cut = text_columns(s) > end - l->at;
	if (cut && end == l->at)
		return;
	while (n) {
		size_t took = text_char(s, n, shown, &width);

		if (l->at + width + cut > end || !append(l, shown, strlen(shown)))
			break;
		l->at += width;
		s += took;
		n -= took;
	}
	if (cut && append(l, ELLIPSIS, strlen(ELLIPSIS)))
		l->at++;
}

void line_put(struct line *l, const char *s)
{
	line_put_cut(l, s, LINE_MAX_WIDTH);
}

void line_printf(struct line *l, const char *fmt, ...)
{
	char buf[2048];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	line_put(l, buf);
}

void line_pad(struct line *l, unsigned int to)
{
	if (to > l->width)
		to = l->width;
	while (l->at < to && append(l, " ", 1))
		l->at++;
}

void line_put_right(struct line *l, const char *s, unsigned int columns)
{
	size_t width = text_columns(s);

	if (width < columns)
		line_pad(l, l->at + columns - (unsigned int)width);
	line_put_cut(l, s, columns);
}

void line_style(struct line *l, enum line_style style)
{
	static const char *const codes[] = {
		[STYLE_NONE] = "\033[0m", [STYLE_BOLD] = "\033[1m",    [STYLE_DIM] = "\033[2m",
		[STYLE_RED] = "\033[1;31m", [STYLE_YELLOW] = "\033[1;33m",
	};

	if (!l->colour)
		return;
	append_raw(l, codes[style], strlen(codes[style]));
	l->styled = style != STYLE_NONE;
}

static void line_clear(struct line *l)
{
	l->len = 0;
	l->at = 0;
	l->blanks = 0;
	l->styled = false;
}

void line_end(struct line *l, FILE *out)
{
	fwrite(l->text, 1, l->len, out);
	fputs(l->styled ? "\033[0m\n" : "\n", out);
	line_clear(l);
}

void flow_put(struct flow *f, const char *piece)
{
	size_t columns = text_columns(piece);
	struct line *l = f->line;

	if (f->started && l->at + text_columns(f->separator) + columns > l->width) {
		line_end(l, f->out);
		line_pad(l, f->indent);
		f->started = false;
	}
	if (f->started)
		line_put(l, f->separator);
	line_put(l, piece);
	f->started = true;
}

void flow_printf(struct flow *f, const char *fmt, ...)
{
	char buf[2048];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	flow_put(f, buf);
}

void flow_words(struct flow *f, const char *sentence)
{
	char word[256];

	while (*sentence) {
		size_t n = strcspn(sentence, " ");

		if (n) {
			if (n >= sizeof(word))
				n = sizeof(word) - 1;
			memcpy(word, sentence, n);
			word[n] = '\0';
			flow_put(f, word);
		}
		sentence += n;
		sentence += strspn(sentence, " ");
	}
}

void flow_end(struct flow *f)
{
	if (f->started)
		line_end(f->line, f->out);
	else
		line_clear(f->line);
	f->started = false;
}
