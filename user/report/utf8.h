/* SPDX-License-Identifier: Apache-2.0 */
/* Target strings are raw bytes: what in them is text, and how wide it is on a terminal. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UTF8_REPLACEMENT "\xef\xbf\xbd"	/* U+FFFD */

/*
 * The character at s, which has n bytes: its length, 1 to 4, or 0 when no well-formed UTF-8 starts
 * there (overlong forms, surrogates, beyond U+10FFFF, cut off; n == 0).
 */
size_t utf8_decode(const char *s, size_t n, uint32_t *ret);

/* Nothing but well-formed UTF-8. */
bool utf8_valid(const char *s, size_t n);

/*
 * A copy of s in which each byte that is not part of well-formed UTF-8 became U+FFFD. Caller
 * frees. NULL when memory is short.
 */
char *utf8_repair(const char *s);

/*
 * Columns that a terminal gives to c: 1 or 2, or 0 for what must not reach one as it is: control
 * characters, those that turn the writing direction, and invisible ones.
 */
unsigned int utf8_columns(uint32_t c);
