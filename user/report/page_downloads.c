// SPDX-License-Identifier: Apache-2.0
/* Links to the other forms of a process, as the contract has their addresses. */
#include "base/cleanup.h"
#include "report/html.h"
#include "report/page_parts.h"
#include "report/page_process.h"

struct download {
	const char *path, *query;	/* of the address: what is before and after the process */
	const char *name, *what;
	bool go;			/* of Go processes alone */
};

static const struct download downloads[] = {
	{ "api/v1/snapshot", "", "Snapshot, JSON", "everything on this page, loiter.snapshot/1",
	  false },
	{ "debug/pprof/goroutine", "", "goroutine profile", "for go tool pprof", true },
	{ "debug/pprof/goroutine", "&debug=1", "goroutine, debug=1", "stacks with counts, as text",
	  true },
	{ "debug/pprof/goroutine", "&debug=2", "goroutine, debug=2", "every goroutine, as text",
	  true },
	{ "debug/pprof/goroutineleak", "", "goroutineleak profile", "only those that are leaked",
	  true },
	{ "debug/pprof/heap", "", "heap profile", "for go tool pprof", true },
	{ "debug/pprof/heap", "&debug=1", "heap, debug=1", "as text", true },
	{ "debug/pprof/threadcreate", "", "threadcreate profile", "for go tool pprof", true },
};

bool page_has_downloads(const struct snapshot *s)
{
	return s->process.pid > 0 && s->process.start_time;
}

void page_downloads(const struct snapshot *s, FILE *out)
{
	const struct process_info *p = &s->process;

	if (!page_has_downloads(s))
		return;
	page_section("downloads", "Downloads", out);
	fputs("<ul class=\"downloads sheet\">\n", out);
	for (size_t i = 0; i < ARRAY_SIZE(downloads); i++) {
		const struct download *d = &downloads[i];

		if (d->go && !p->go_version)
			continue;
		html_printf(out, "<li><a href=\"../../%s?proc=%d-%lu%s\">", d->path, p->pid,
			    p->start_time, d->query);
		html_printf(out, "%s</a><span>%s</span></li>\n", d->name, d->what);
	}
	fputs("</ul>\n</section>\n", out);
}
