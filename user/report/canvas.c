// SPDX-License-Identifier: Apache-2.0
#include "report/canvas.h"

#include <curses.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>

#include "report/utf8.h"

enum { PAIR_YELLOW = 1, PAIR_RED = 2 };

void canvas_colours(void)
{
	if (!has_colors() || start_color() == ERR)
		return;
	use_default_colors();
	init_pair(PAIR_YELLOW, COLOR_YELLOW, -1);
	init_pair(PAIR_RED, COLOR_RED, -1);
}

void canvas_begin(struct canvas *c, WINDOW *window, bool colour, bool utf8)
{
	int rows, width;

	getmaxyx(window, rows, width);
	*c = (struct canvas){ .window = window, .colour = colour && has_colors(), .utf8 = utf8 };
	c->rows = rows > 0 ? (unsigned int)rows : 0;
	c->width = width > 0 ? (unsigned int)width : 0;
	werase(window);
}

void canvas_style(struct canvas *c, enum line_style style, bool reverse)
{
	attr_t attributes = reverse ? A_REVERSE : A_NORMAL;
	short pair = 0;

	c->style = style;
	c->reverse = reverse;
	if (style == STYLE_DIM)
		attributes |= A_DIM;
	else if (style != STYLE_NONE)
		attributes |= A_BOLD;
	if (c->colour && style == STYLE_YELLOW)
		pair = PAIR_YELLOW;
	if (c->colour && style == STYLE_RED)
		pair = PAIR_RED;
	wattr_set(c->window, attributes, pair, NULL);
}

bool canvas_line(struct canvas *c, unsigned int y)
{
	if (y >= c->rows)
		return false;
	c->y = y;
	c->at = 0;
	c->end = c->width;
	canvas_style(c, STYLE_NONE, false);
	return true;
}

void canvas_cell(struct canvas *c, unsigned int at, unsigned int columns)
{
	c->at = at < c->width ? at : c->width;
	c->end = columns < c->width - c->at ? c->at + columns : c->width;
}

void canvas_fill(struct canvas *c)
{
	for (unsigned int x = c->at; x < c->end; x++)
		mvwaddch(c->window, (int)c->y, (int)x, ' ');
}

/*
 * One character of s as it can be shown here. wcwidth() is asked besides, for ncurses goes by it: a
 * character that it gives no column of its own (a combining one) is escaped.
 */
static size_t show(const struct canvas *c, const char *s, size_t n, char shown[TEXT_CHAR],
		   unsigned int *columns)
{
	size_t took = text_char(s, n, shown, columns);
	uint32_t code;
	int width;

	if (!((uint8_t)shown[0] & 0x80) || !utf8_decode(shown, strlen(shown), &code))
		return took;
	width = c->utf8 ? wcwidth((wchar_t)code) : 0;
	if (width > 0)
		*columns = (unsigned int)width;
	else
		*columns = (unsigned int)snprintf(shown, TEXT_CHAR, "\\u{%" PRIx32 "}", code);
	return took;
}

unsigned int canvas_columns(const struct canvas *c, const char *s)
{
	char shown[TEXT_CHAR];
	size_t n = strlen(s);
	unsigned int sum = 0, columns;

	while (n) {
		size_t took = show(c, s, n, shown, &columns);

		sum += columns;
		s += took;
		n -= took;
	}
	return sum;
}

/* Our own typography, and words.c's, where the locale has none of it. */
static const char *plain(const struct canvas *c, const char *s, char *buf, size_t size)
{
	static const struct {
		const char *from, *to;
	} signs[] = { { "\xe2\x80\xa6", "~" }, { "\xc2\xb7", "-" } };
	size_t n = 0;

	if (c->utf8)
		return s;
	while (*s && n + 1 < size) {
		size_t took = 0;

		for (size_t i = 0; i < sizeof(signs) / sizeof(*signs); i++) {
			size_t len = strlen(signs[i].from);

			if (strncmp(s, signs[i].from, len) != 0)
				continue;
			buf[n++] = *signs[i].to;
			took = len;
			break;
		}
		if (!took) {
			buf[n++] = *s;
			took = 1;
		}
		s += took;
	}
	buf[n] = '\0';
	return buf;
}

void canvas_put(struct canvas *c, const char *s)
{
	char buf[2048], shown[TEXT_CHAR];
	const char *text = plain(c, s, buf, sizeof(buf));
	const char *ellipsis = c->utf8 ? "\xe2\x80\xa6" : "~";
	size_t n = strlen(text);
	unsigned int columns;
	bool cut;

	if (c->at >= c->end)
		return;
	cut = canvas_columns(c, text) > c->end - c->at;
	wmove(c->window, (int)c->y, (int)c->at);
	while (n) {
		size_t took = show(c, text, n, shown, &columns);

		if (c->at + columns + cut > c->end)
			break;
		waddstr(c->window, shown);
		c->at += columns;
		text += took;
		n -= took;
	}
	if (cut) {
		waddstr(c->window, ellipsis);
		c->at++;
	}
}

void canvas_printf(struct canvas *c, const char *fmt, ...)
{
	char buf[2048];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	canvas_put(c, buf);
}

void canvas_right(struct canvas *c, const char *s)
{
	unsigned int columns = canvas_columns(c, s);

	if (columns < c->end - c->at)
		c->at = c->end - columns;
	canvas_put(c, s);
}

void canvas_piece(struct canvas *c, const char *fmt, ...)
{
	char buf[2048];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	if (c->at)
		c->at += 2;
	if (c->at > c->end)
		c->at = c->end;
	canvas_put(c, buf);
}
