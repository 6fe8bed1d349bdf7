/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text in a window of ncurses, one line at a time: cut where it does not fit, and with nothing of
 * the target's in it that the terminal would act upon. As report/line.h is for a FILE.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "report/line.h"

struct _win_st;

struct canvas {
	struct _win_st *window;
	bool colour, utf8;
	unsigned int rows, width;	/* of the window */
	unsigned int y, at;	/* where the next text goes */
	unsigned int end;	/* and the column that it may not reach */
	enum line_style style;
	bool reverse;
};

/* Pairs of colours that canvas_style() uses, once for each terminal that has colours. */
void canvas_colours(void);

/* Measures the window, and clears it. */
void canvas_begin(struct canvas *c, struct _win_st *window, bool colour, bool utf8);

/* The begin of line y; false when the window has no such line. */
bool canvas_line(struct canvas *c, unsigned int y);
/* From column `at` on, `columns` at most. */
void canvas_cell(struct canvas *c, unsigned int at, unsigned int columns);
/* The whole line, from where it is, gets the style: for a row that is selected. */
void canvas_style(struct canvas *c, enum line_style style, bool reverse);
void canvas_fill(struct canvas *c);

/* Escapes; what does not fit before `end` is cut and shown by an ellipsis. */
void canvas_put(struct canvas *c, const char *s);
void canvas_printf(struct canvas *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* At the right of the cell, all of which it has. */
void canvas_right(struct canvas *c, const char *s);
/* A piece of a line, two blanks before it unless it is the first. */
void canvas_piece(struct canvas *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Columns that s takes here: what the locale cannot show is longer, for it is escaped. */
unsigned int canvas_columns(const struct canvas *c, const char *s);
