/* SPDX-License-Identifier: Apache-2.0 */
/* Which columns of a table find room in a width, and how much of it each. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum { COLUMNS_GAP = 2 };

struct column {
	const char *title;
	unsigned int least, most;	/* columns of a terminal that it wants */
	unsigned int rank;	/* 0: always there, and takes what is left; 1 goes last, ... */
	bool right;		/* its cells stand at the right */
	/* Filled by columns_fit(): */
	unsigned int at, width;	/* width 0: left out */
};

/* Exactly one column has rank 0, and each other rank is there once at most. */
void columns_fit(struct column *all, size_t n, unsigned int width);
