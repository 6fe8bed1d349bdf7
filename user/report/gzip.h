/* SPDX-License-Identifier: Apache-2.0 */
/* A gzip stream onto a FILE, through zlib. */
#pragma once

#include <stddef.h>
#include <stdio.h>

#include <zlib.h>

struct gzip {
	z_stream z;
	FILE *out;
};

/* -ENOMEM. */
int gzip_begin(struct gzip *g, FILE *out);
/* -EIO. */
int gzip_write(struct gzip *g, const void *bytes, size_t n);
/* Writes the end and frees what begin allocated, also after an error. -EIO. */
int gzip_end(struct gzip *g);
