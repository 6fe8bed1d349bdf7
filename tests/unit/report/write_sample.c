// SPDX-License-Identifier: Apache-2.0
/*
 * Writes a sample snapshot in a format: `write_sample SAMPLE FORMAT [WIDTH [TOP [colour]]]`. FORMAT
 * is one of report/formats.c, "heap" for the heap profile as pprof, or "interval" and "lines" for
 * the two forms of an interval, or "node" for the JSON of a machine, or "diff" and "difftext" for
 * the two forms of a comparison.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "diff_sample.h"
#include "interval_samples.h"
#include "report/interval.h"
#include "report/node.h"
#include "report/report.h"
#include "samples.h"

static int write_interval(struct snapshot *s, const struct report_options *o, bool json)
{
	const struct interval_form form = { .report = *o };
	struct interval i = interval_sample(s);
	struct interval_told told = { 0 };

	if (json)
		return interval_json(&s->process, &i, stdout, &form);
	return interval_lines(&s->process, &i, stdout, &form, &told);
}

static int write_node(struct snapshot *s, const struct report_options *o)
{
	const struct interval i = interval_sample(s);
	const struct node_look n = {
		.number = 7, .time = s->time, .elapsed_s = 35, .span_s = 5, .next_s = 5, .n = 1,
		.n_go = 1, .futex = i.activity->collectors[COLLECTOR_FUTEX],
		.overhead = i.overhead,
	};

	return node_json(&n, stdout, o);
}

int main(int argc, char **argv)
{
	struct report_options o = { .width = argc > 3 ? (unsigned int)atoi(argv[3]) : 80,
				    .top = argc > 4 ? (unsigned int)atoi(argv[4]) : 15,
				    .colour = argc > 5, .version = "0.0.0" };
	bool heap = argc > 2 && strcmp(argv[2], "heap") == 0;
	const struct report_format *f =
		argc > 2 ? report_format_find(heap ? "pprof" : argv[2]) : NULL;
	bool json = argc > 2 && strcmp(argv[2], "interval") == 0;
	bool interval = json || (argc > 2 && strcmp(argv[2], "lines") == 0);
	bool node = argc > 2 && strcmp(argv[2], "node") == 0;
	bool diff_text = argc > 2 && strcmp(argv[2], "difftext") == 0;
	bool diff = diff_text || (argc > 2 && strcmp(argv[2], "diff") == 0);
	struct snapshot *s = f || interval || node || diff ? sample_named(argv[1]) : NULL;
	int r;

	if (!s) {
		fprintf(stderr, "usage: write_sample SAMPLE FORMAT [WIDTH [TOP [colour]]]\n");
		return 2;
	}
	if (diff)
		r = write_diff_sample(s, stdout, &o, !diff_text);
	else if (node)
		r = write_node(s, &o);
	else if (heap)
		r = f->write_memory(s, stdout, &o);
	else
		r = interval ? write_interval(s, &o, json) : f->write(s, stdout, &o);
	snapshot_free(s);
	return r < 0 || fflush(stdout) ? 1 : 0;
}
