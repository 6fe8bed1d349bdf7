/* SPDX-License-Identifier: Apache-2.0 */
/* What the terminal at the other end, if there is one, is like. */
#pragma once

#include <stdbool.h>

/* Columns of the terminal behind fd; else $COLUMNS; else 80. Between 20 and 1000. */
unsigned int terminal_width(int fd);

/* Its lines, 24 where that cannot be told. Between 5 and 1000. */
unsigned int terminal_height(int fd);

/* Colour is welcome: fd is a terminal that is not dumb, and NO_COLOR is not set (no-color.org). */
bool terminal_colour(int fd);

/* A terminal that understands "erase to the end of the line". */
bool terminal_smart(int fd);
