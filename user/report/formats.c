// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "report/report.h"

const struct report_format report_formats[] = {
	{ .name = "text", .help = "for people", .write = report_text,
	  .shows_leaks = true },
	{ .name = "json", .help = "loiter.snapshot/1, see loiter-json(5)", .write = report_json,
	  .shows_leaks = true },
	{ .name = "folded", .help = "a stack a line with its count, root first",
	  .write = report_folded },
	{ .name = "flamegraph", .help = "an SVG picture of the stacks", .write = report_flamegraph },
	{ .name = "debug1", .help = "Go's goroutine profile with debug=1: stacks with counts",
	  .write = report_debug1 },
	{ .name = "debug2", .help = "Go's goroutine profile with debug=2: every goroutine",
	  .write = report_debug2, .needs_goroutines = true, .shows_leaks = true },
	{ .name = "pprof", .help = "profile.proto, gzip'ed, for go tool pprof",
	  .write = report_pprof, .write_memory = report_pprof_heap, .binary = true },
	{ .name = "goroutineleak", .help = "Go's profile of that name, gzip'ed: only leaked goroutines",
	  .write = report_goroutineleak, .binary = true, .shows_leaks = true, .needs_leaks = true },
	{ .name = NULL },
};

const struct report_format *report_format_find(const char *name)
{
	for (const struct report_format *f = report_formats; f->name; f++)
		if (strcmp(f->name, name) == 0)
			return f;
	return NULL;
}
