// SPDX-License-Identifier: Apache-2.0
#include "report/html.h"

#include <assert.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "report/line.h"

#define ELLIPSIS "\xe2\x80\xa6"

static const char *entity(char c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	default:
		return NULL;
	}
}

static size_t fit_columns(const char *s, size_t n, size_t most)
{
	char shown[TEXT_CHAR];
	unsigned int columns;
	size_t at = 0;

	while (at < n) {
		size_t took = text_char(s + at, n - at, shown, &columns);

		if (columns > most)
			break;
		most -= columns;
		at += took;
	}
	return at;
}

/* The bytes of s that `most` columns have room for. */
static size_t fits(const char *s, size_t n, size_t most)
{
	/* Almost every name is, and has a column a byte. */
	return n <= most && text_is_plain(s) ? n : fit_columns(s, n, most);
}

/* How many bytes of s, from the first on, are the same in HTML. */
static size_t plain(const char *s, size_t n)
{
	size_t i = 0;

	while (i < n && s[i] >= ' ' && s[i] < 0x7f && !entity(s[i]))
		i++;
	return i;
}

void html_escape(const char *s, size_t most, FILE *out)
{
	size_t n = strlen(s), end = fits(s, n, most);
	char shown[TEXT_CHAR];
	unsigned int columns;

	if (end < n)
		end = most ? fits(s, n, most - 1) : 0;
	for (size_t at = 0; at < end;) {
		size_t same = plain(s + at, end - at);

		fwrite(s + at, 1, same, out);
		at += same;
		if (at == end)
			break;
		at += text_char(s + at, n - at, shown, &columns);
		fputs(entity(*shown) ? entity(*shown) : shown, out);
	}
	if (end < n && most)
		fputs(ELLIPSIS, out);
}

/* The n bytes at s are none that html_escape() would cut in two: a backquote ends them. */
static void put_piece(const char *s, size_t n, FILE *out)
{
	char *piece = strndup(s, n);

	if (piece)
		html_escape(piece, SIZE_MAX, out);
	free(piece);
}

void html_sentence(const char *s, size_t most, FILE *out)
{
	const char *from = strchr(s, '`'), *to = from ? strchr(from + 1, '`') : NULL;
	size_t n = strlen(s);

	/* What is cut has no code in it: its end would be missing. */
	while (to && fits(s, n, most) == n) {
		put_piece(s, (size_t)(from - s), out);
		fputs("<code>", out);
		put_piece(from + 1, (size_t)(to - from - 1), out);
		fputs("</code>", out);
		s = to + 1;
		n = strlen(s);
		from = strchr(s, '`');
		to = from ? strchr(from + 1, '`') : NULL;
	}
	html_escape(s, most, out);
}

/* One conversion of a format: "%-5.2lu" without its value. */
struct conversion {
	char spec[24];
	size_t len;		/* in the format */
	size_t precision;	/* SIZE_MAX: none */
	unsigned int longs;	/* l or z once, ll twice */
	char kind;
};

static struct conversion parse(const char *fmt)
{
	struct conversion c = { .precision = SIZE_MAX };
	const char *p = fmt + 1;

	p += strspn(p, "-+ #0");
	p += strspn(p, "0123456789");
	if (*p == '.') {
		c.precision = strtoul(p + 1, NULL, 10);
		p += 1 + strspn(p + 1, "0123456789");
	}
	for (; *p == 'l' || *p == 'z'; p++)
		c.longs++;
	c.kind = *p;
	c.len = (size_t)(p + 1 - fmt);
	assert(c.kind && strchr("diuxfs%", c.kind) && c.len < sizeof(c.spec));
	memcpy(c.spec, fmt, c.len);
	return c;
}

/* The compiler has checked the literal that the spec is of. */
static void put_number(FILE *out, const struct conversion *c, va_list *ap)
{
	_Static_assert(sizeof(long) == sizeof(long long) && sizeof(long) == sizeof(size_t),
		       "l, ll and z are one size");
	if (c->kind == 'f')
		fprintf(out, c->spec, va_arg(*ap, double));
	else if (c->longs)
		fprintf(out, c->spec, va_arg(*ap, unsigned long));
	else
		fprintf(out, c->spec, va_arg(*ap, unsigned int));
}

static void put_text(FILE *out, const struct conversion *c, va_list *ap)
{
	const char *s = va_arg(*ap, const char *);

	html_escape(s ? s : "?", c->precision, out);
}

void html_printf(FILE *out, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	while (*fmt) {
		size_t markup = strcspn(fmt, "%");
		struct conversion c;

		fwrite(fmt, 1, markup, out);
		fmt += markup;
		if (!*fmt)
			break;
		c = parse(fmt);
		if (c.kind == '%')
			fputc('%', out);
		else if (c.kind == 's')
			put_text(out, &c, &ap);
		else
			put_number(out, &c, &ap);
		fmt += c.len;
	}
	va_end(ap);
}
