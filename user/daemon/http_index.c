// SPDX-License-Identifier: Apache-2.0
#include "daemon/http_index.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/route.h"

static void print_row(FILE *out, const struct route_profile *p, int pid, uint64_t start_time)
{
	fprintf(out, "<tr><td><a href=\"%s?proc=%d-%" PRIu64 "\" download>%s</a></td>"
		"<td><a href=\"%s?proc=%d-%" PRIu64 "&amp;debug=1\">as text</a></td>",
		p->name, pid, start_time, p->name, p->name, pid, start_time);
	if (p->what == ASK_GOROUTINE)
		fprintf(out, "<td><a href=\"%s?proc=%d-%" PRIu64 "&amp;debug=2\">"
			"each one</a></td>", p->name, pid, start_time);
	else
		fputs("<td></td>", out);
	fprintf(out, "<td>%s</td></tr>\n", p->help);
}

/* The node's page and the process's, from here. */
static void print_links(FILE *out, const struct ask *ask, bool below_proc)
{
	if (below_proc)
		fputs("<p><a href=\"../../\">The process</a>, <a href=\"../../../../\">", out);
	else
		fprintf(out, "<p><a href=\"../../proc/%d-%" PRIu64 "/\">The process</a>, "
			"<a href=\"../../\">", ask->pid, ask->start_time);
	fputs("all of this machine</a></p>\n", out);
}

static void print_page(FILE *out, const struct ask *ask, bool below_proc)
{
	const struct route_profile *p;

	/* Numbers are all that a request brings in here. */
	fprintf(out, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
		"<title>profiles of process %d</title>\n<style>:root{color-scheme:light dark}"
		"body{font:16px system-ui,sans-serif;margin:2em}td{padding:.2em 1em .2em 0}</style>"
		"</head>\n<body><h1>Profiles of process %d</h1>\n<table>\n", ask->pid, ask->pid);
	for (size_t i = 0; (p = route_profile(i)); i++)
		print_row(out, p, ask->pid, ask->start_time);
	fputs("</table>\n", out);
	print_links(out, ask, below_proc);
	fprintf(out, "<p>On a command line: <code>go tool pprof 'http://ADDRESS/debug/pprof/"
		"goroutine?proc=%d-%" PRIu64 "'</code></p>\n</body></html>\n", ask->pid,
		ask->start_time);
}

int http_index_page(const struct ask *ask, bool below_proc, char **ret, size_t *ret_len)
{
	FILE *out = open_memstream(ret, ret_len);

	if (!out)
		return -ENOMEM;
	print_page(out, ask, below_proc);
	if (fclose(out) == 0)
		return 0;
	free(*ret);
	return -ENOMEM;
}
