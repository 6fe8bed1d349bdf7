// SPDX-License-Identifier: Apache-2.0
#include "daemon/header_lines.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/file_text.h"

void header_lines_free(struct header_lines *h)
{
	if (h)
		explicit_bzero(h, sizeof(*h));
	free(h);
}

/* A name of RFC 9110's characters, a colon, and what can be printed. */
static bool is_header(const char *line)
{
	size_t n = strspn(line, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
			  "!#$%&'*+-.^_`|~");

	if (!n || line[n] != ':')
		return false;
	for (const char *c = line; *c; c++)
		if (!isprint((unsigned char)*c))
			return false;
	return true;
}

static int split(struct header_lines *h, const char *path, struct diag *d)
{
	int number = 0;

	for (char *at = h->text, *line; (line = strsep(&at, "\n"));) {
		size_t n = strlen(line);

		number++;
		if (n && line[n - 1] == '\r')
			line[--n] = '\0';
		if (!n || *line == '#')
			continue;
		if (!is_header(line) || h->n == HEADER_LINES) {
			diag_fail(d, -EINVAL, h->n == HEADER_LINES ? "too many headers"
								   : "this is no header");
			diag_what(d, -EINVAL, "%s:%d", path, number);
			return diag_hint(d, -EINVAL, "write a line like `Name: value`");
		}
		h->all[h->n++] = line;
	}
	return 0;
}

int header_lines_read(const char *path, struct header_lines **ret, struct diag *d)
{
	CLEANUP(header_lines_free_p) struct header_lines *h = calloc(1, sizeof(*h));
	size_t len = 0;
	int r;

	if (!h)
		return -ENOMEM;
	r = file_text_read(path, h->text, HEADER_BYTES, &len, d);
	if (r < 0)
		return r == -ENOENT ? -EINVAL : r;
	if (strlen(h->text) != len) {
		diag_fail(d, -EINVAL, "there is a NUL: this is no text");
		return diag_what(d, -EINVAL, "%s", path);
	}
	r = split(h, path, d);
	if (r < 0)
		return r;
	*ret = TAKE(h);
	return 0;
}
