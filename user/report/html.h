/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one door through which a target's bytes get into HTML and SVG. Markup stands in format
 * strings, which are literals; whatever comes by %s is text, wherever it is from.
 */
#pragma once

#include <stddef.h>
#include <stdio.h>

/*
 * s as text, or inside of a quoted attribute: & < > " ' as entities; what is not UTF-8, control
 * characters, those that turn the writing direction and invisible ones as \xNN or \u{NNNN}. At most
 * `most` columns of it, an ellipsis for the rest.
 */
void html_escape(const char *s, size_t most, FILE *out);

/* A sentence of ours with names in it: what stands between two backquotes becomes <code>. */
void html_sentence(const char *s, size_t most, FILE *out);

/*
 * As fprintf(), but for %s: escaped, NULL is "?", and a precision is of columns and not of bytes.
 * Of conversions there are d i u x f s and %, with flags, numbers for width and precision, and
 * l ll z.
 */
void html_printf(FILE *out, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
