// SPDX-License-Identifier: Apache-2.0
/* Writes a sample snapshot in a format: `write_sample SAMPLE FORMAT [WIDTH [TOP [colour]]]`. */
#include <stdio.h>
#include <stdlib.h>

#include "report/report.h"
#include "samples.h"

int main(int argc, char **argv)
{
	struct report_options o = { .width = argc > 3 ? (unsigned int)atoi(argv[3]) : 80,
				    .top = argc > 4 ? (unsigned int)atoi(argv[4]) : 15,
				    .colour = argc > 5, .version = "0.0.0" };
	const struct report_format *f = argc > 2 ? report_format_find(argv[2]) : NULL;
	struct snapshot *s = f ? sample_named(argv[1]) : NULL;
	int r;

	if (!s) {
		fprintf(stderr, "usage: write_sample SAMPLE FORMAT [WIDTH [TOP [colour]]]\n");
		return 2;
	}
	r = f->write(s, stdout, &o);
	snapshot_free(s);
	return r < 0 || fflush(stdout) ? 1 : 0;
}
