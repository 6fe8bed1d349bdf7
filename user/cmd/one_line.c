// SPDX-License-Identifier: Apache-2.0
#include "cmd/one_line.h"

#include <errno.h>
#include <string.h>

#include "report/report.h"

static ssize_t pass_on(void *cookie, const char *buf, size_t len)
{
	FILE *under = cookie;
	const char *end = buf + len;

	for (const char *p = buf; p < end;) {
		const char *feed = memchr(p, '\n', (size_t)(end - p));
		size_t n = (size_t)((feed ? feed : end) - p);

		if (fwrite(p, 1, n, under) != n || (feed && fputc(' ', under) == EOF))
			return 0;
		p += n + (feed != NULL);
	}
	return (ssize_t)len;
}

static int end_line(void *cookie)
{
	return fputc('\n', cookie) == EOF ? -1 : 0;
}

FILE *one_line_open(FILE *under)
{
	const cookie_io_functions_t io = { .write = pass_on, .close = end_line };

	return fopencookie(under, "w", io);
}

int one_line_json(const struct snapshot *s, FILE *under, const struct report_options *form)
{
	FILE *line = one_line_open(under);
	int r;

	if (!line)
		return -ENOMEM;
	r = report_json(s, line, form);
	if (fclose(line) != 0 && r == 0)
		r = -EIO;
	return r;
}
