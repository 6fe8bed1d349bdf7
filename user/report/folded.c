// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "report/line.h"
#include "report/paths.h"
#include "report/report.h"

/* ';' divides frames, and what follows the last blank is the count: neither may stand in a name. */
static void print_frame(const struct frame *f, FILE *out)
{
	char shown[TEXT_CHAR];
	const char *s = f->function;
	size_t n = s ? strlen(s) : 0;
	unsigned int columns;

	if (n == 0)
		fprintf(out, "0x%" PRIx64, f->pc);
	while (n) {
		size_t took = text_char(s, n, shown, &columns);

		if (*shown == ';')
			fputc(':', out);
		else
			fputs(*shown == ' ' ? "_" : shown, out);
		s += took;
		n -= took;
	}
}

static void print_path(const struct group *g, uint64_t count, FILE *out)
{
	for (uint32_t i = 0; i < paths_depth(g); i++) {
		if (i)
			fputc(';', out);
		print_frame(paths_frame(g, i), out);
	}
	fprintf(out, " %" PRIu64 "\n", count);
}

static bool same(const struct group *a, const struct group *b)
{
	return paths_depth(a) == paths_depth(b) && paths_common(a, b) == paths_depth(a);
}

int report_folded(const struct snapshot *s, FILE *out, const struct report_options *o)
{
	struct paths p;
	int r;

	(void)o;
	r = paths_sort(s, &p);
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < p.n && !ferror(out);) {
		uint32_t first = i;
		uint64_t count = 0;

		for (; i < p.n && same(p.groups[first], p.groups[i]); i++)
			count += p.groups[i]->count;
		print_path(p.groups[first], count, out);
	}
	paths_done(&p);
	return ferror(out) ? -EIO : 0;
}
