/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines for a terminal: never wider than told, without trailing blanks, and with nothing of the
 * target's in them that the terminal would act upon.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { TEXT_CHAR = 16 };	/* bytes of one shown character with its NUL: "\\u{10ffff}" */

/*
 * The character at s, of n > 0 bytes, as a terminal may show it, and its columns: what is not
 * UTF-8 and what utf8_columns() refuses become \xNN or \u{NNNN}. The bytes of s that it took.
 */
size_t text_char(const char *s, size_t n, char shown[TEXT_CHAR], unsigned int *columns);

/* All of s in that form, at most size - 1 bytes and never a part of a character. Returns buf. */
char *text_escape(const char *s, char *buf, size_t size);

/* The same without a limit; the caller frees. NULL when memory is short. */
char *text_escaped(const char *s);

/* All of s in that form, to a file; and how many characters (not bytes, not columns) that are. */
void text_print(const char *s, FILE *out);
size_t text_length(const char *s);

/* Is all of s printable ASCII, so that it need not be escaped for any output? */
bool text_is_plain(const char *s);

/* Columns that s takes when it is put on a line. */
size_t text_columns(const char *s);

enum { LINE_MIN_WIDTH = 40, LINE_MAX_WIDTH = 400 };

enum line_style { STYLE_NONE, STYLE_BOLD, STYLE_DIM, STYLE_RED, STYLE_YELLOW };

struct line {
	unsigned int width;	/* columns that it may have */
	unsigned int at;	/* columns so far */
	unsigned int blanks;	/* of these, blanks at the end that are not in text yet */
	bool colour;		/* styles are printed */
	bool styled;
	size_t len;
	char text[8 * LINE_MAX_WIDTH + 256];
};

/* width is brought into [LINE_MIN_WIDTH, LINE_MAX_WIDTH]; 0 becomes 80. */
void line_init(struct line *l, unsigned int width, bool colour);
/* Escapes; what does not fit is cut and shown by an ellipsis. */
void line_put(struct line *l, const char *s);
void line_printf(struct line *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The same in at most `columns` columns. */
void line_put_cut(struct line *l, const char *s, unsigned int columns);
/* A right-aligned cell of `columns`. */
void line_put_right(struct line *l, const char *s, unsigned int columns);
/* Blanks up to column `to`. */
void line_pad(struct line *l, unsigned int to);
/* For what follows on this line. */
void line_style(struct line *l, enum line_style style);
/* Prints it and begins the next one. */
void line_end(struct line *l, FILE *out);

/*
 * Pieces in a row, a separator between them; one that does not fit begins a new line at `indent`,
 * and one that does not fit a line of its own is cut.
 */
struct flow {
	struct line *line;
	FILE *out;
	unsigned int indent;
	const char *separator;
	bool started;		/* something stands on this line already */
};
void flow_put(struct flow *f, const char *piece);
void flow_printf(struct flow *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Word by word; for sentences. */
void flow_words(struct flow *f, const char *sentence);
/* Ends the line; when no piece stands on it, forgets it. */
void flow_end(struct flow *f);
