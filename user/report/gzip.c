// SPDX-License-Identifier: Apache-2.0
#include "report/gzip.h"

#include <errno.h>

enum { GZIP_WINDOW = 15 + 16 };	/* zlib: + 16 writes a gzip header and trailer */

int gzip_begin(struct gzip *g, FILE *out)
{
	*g = (struct gzip){ .out = out };
	if (deflateInit2(&g->z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_WINDOW, 8,
			 Z_DEFAULT_STRATEGY) != Z_OK)
		return -ENOMEM;
	return 0;
}

static int deflate_all(struct gzip *g, int flush)
{
	unsigned char buf[16384];

	do {
		size_t n;

		g->z.next_out = buf;
		g->z.avail_out = sizeof(buf);
		if (deflate(&g->z, flush) == Z_STREAM_ERROR)
			return -EIO;
		n = sizeof(buf) - g->z.avail_out;
		if (fwrite(buf, 1, n, g->out) != n)
			return -EIO;
	} while (g->z.avail_out == 0);
	return 0;
}

int gzip_write(struct gzip *g, const void *bytes, size_t n)
{
	g->z.next_in = (unsigned char *)bytes;
	while (n) {
		uInt piece = n < 1u << 30 ? (uInt)n : 1u << 30;
		int r;

		g->z.avail_in = piece;
		r = deflate_all(g, Z_NO_FLUSH);
		if (r < 0)
			return r;
		n -= piece;
	}
	return 0;
}

int gzip_end(struct gzip *g)
{
	int r;

	g->z.avail_in = 0;
	r = deflate_all(g, Z_FINISH);
	deflateEnd(&g->z);
	return r;
}
