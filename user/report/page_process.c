// SPDX-License-Identifier: Apache-2.0
/* The page of one process: findings with their evidence, then all that they were found in. */
#include "report/page_process.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "model/leaks.h"
#include "model/memory.h"
#include "report/flamegraph.h"
#include "report/html.h"
#include "report/page.h"
#include "report/page_parts.h"
#include "report/words.h"

enum { GROUPS = 250, FINDINGS = 200, TITLE = 320 };

/* One that is not Go has memory and threads alone. */
static bool is_go(const struct snapshot *s)
{
	return s->process.go_version || s->total || s->system;
}

/* --- The top --- */

static void put_top(const struct snapshot *s, const struct page_options *o, FILE *out)
{
	fputs("<header class=\"top\"><div class=\"wide\">\n", out);
	page_brand(o, "../../", out);
	fputs("<nav aria-label=\"Sections\"><ul><li><a href=\"#findings\">Findings</a></li>", out);
	if (is_go(s))
		fputs("<li><a href=\"#groups\">Goroutines</a></li>", out);
	if (s->total)
		fputs("<li><a href=\"#flames\">Flame graph</a></li>", out);
	if (s->memory)
		fputs("<li><a href=\"#memory\">Memory</a></li>", out);
	fputs("<li><a href=\"#threads\">Threads</a></li>", out);
	if (page_has_downloads(s))
		fputs("<li><a href=\"#downloads\">Downloads</a></li>", out);
	fputs("</ul></nav>\n<p class=\"when\">read at ", out);
	page_time(&s->time, out);
	fputs("</p>\n</div></header>\n", out);
}

static void put_size(const struct snapshot *s, FILE *out)
{
	const struct process_info *p = &s->process;
	uint64_t rss = s->memory ? s->memory->rss_bytes : p->rss_bytes;
	char words[WORDS_NUMBER];

	html_printf(out, "<p class=\"lead\">pid %d", p->pid);
	if (is_go(s))
		html_printf(out, " \xc2\xb7 %s goroutine%s", words_count(s->total, words),
			    s->total == 1 ? "" : "s");
	if (rss)
		html_printf(out, " \xc2\xb7 RSS %s", words_bytes(rss, words));
	if (p->threads)
		html_printf(out, " \xc2\xb7 %s thread%s", words_count(p->threads, words),
			    p->threads == 1 ? "" : "s");
	if (p->uptime_s >= 0)
		html_printf(out, " \xc2\xb7 up %s", words_uptime(p->uptime_s, words));
	fputs("</p>\n", out);
}

static void put_reading(const struct snapshot *s, FILE *out)
{
	const struct quality *q = &s->quality;
	char words[WORDS_NUMBER], span[WORDS_NUMBER];

	html_printf(out, "<p class=\"muted\">Read in %s", words_span(s->duration_ms / 1000, span));
	if (q->stopped_ms > 0)
		html_printf(out, ", stopped for %.1f ms", q->stopped_ms);
	else
		fputs(", never stopped", out);
	if (q->torn)
		html_printf(out, " \xc2\xb7 %s torn, not shown", words_count(q->torn, words));
	if (q->passes > 1)
		html_printf(out, " \xc2\xb7 %u passes over %.1f s", q->passes, q->span_s);
	fputs("</p>\n", out);
}

static void put_identity(const struct process_info *p, FILE *out)
{
	fputs("<dl class=\"facts sheet\">\n", out);
	page_fact(out, "Process", "%d, started at tick %" PRIu64, p->pid, p->start_time);
	if (p->go_version)
		page_fact(out, "Go", "%s%s%s", p->go_version,
			  p->cgo_known && p->cgo ? ", with cgo" : "",
			  p->stripped ? ", stripped" : "");
	if (p->module)
		page_fact(out, "Module", "%s", p->module);
	if (p->exe)
		page_fact(out, "Executable", "%s", p->exe);
	if (p->module_file)
		page_fact(out, "Go is in", "%s", p->module_file);
	if (p->unit)
		page_fact(out, "Unit", "%s", p->unit);
	if (p->container_id)
		page_fact(out, "Container", "%.64s", p->container_id);
	if (p->build_id)
		page_fact(out, "Build id", "%.80s", p->build_id);
	fputs("</dl>\n", out);
}

/* --- Findings --- */

static void put_findings(const struct snapshot *s, uint32_t groups, FILE *out)
{
	char words[WORDS_NUMBER];

	page_section("findings", "Findings", out);
	if (!s->n_findings) {
		fputs("<p class=\"calm\">No findings in this look", out);
		if (s->leaks && s->leaks->passes && !s->leaks->why_not)
			html_printf(out, ", and no leak among %s blocked goroutine%s",
				    words_count(s->leaks->judged, words),
				    s->leaks->judged == 1 ? "" : "s");
		fputs(".</p>\n", out);
	}
	fputs("<div class=\"cards\">\n", out);
	for (uint32_t i = 0; i < s->n_findings && i < FINDINGS; i++)
		page_finding(&s->findings[i], 'f', i, groups, out);
	fputs("</div>\n", out);
	if (s->n_findings > FINDINGS)
		html_printf(out, "<p class=\"more\">and %u more: see the JSON.</p>\n",
			    s->n_findings - FINDINGS);
	fputs("</section>\n", out);
}

static void put_flames(const struct snapshot *s, FILE *out, int *r)
{
	if (!s->total)
		return;
	page_section("flames", "Flame graph", out);
	fputs("<div class=\"sheet\"><div class=\"flame\">\n<div class=\"drawing\">\n", out);
	*r = flamegraph_part(s, out);
	fputs("</div>\n<ul class=\"keys\"><li>width: goroutines in it</li><li>upwards: what it "
	      "called</li><li>orange: the program\xe2\x80\x99s own code</li><li>blue: the standard "
	      "library</li><li>grey: the runtime</li></ul>\n</div></div>\n</section>\n", out);
}

/* --- What could not be had --- */

static void put_notes(const struct snapshot *s, FILE *out)
{
	const struct quality *q = &s->quality;
	uint32_t of_memory = s->memory ? s->memory->n_notes : 0;
	char words[WORDS_NUMBER];

	if (!q->torn && !q->unreadable && !q->n_notes && !of_memory)
		return;
	page_section("notes", "What is not known", out);
	fputs("<ul class=\"notes sheet\">\n", out);
	if (q->torn)
		html_printf(out, "<li>%s goroutine%s changed under every attempt to read it: "
			    "counted, not in the groups</li>\n", words_count(q->torn, words),
			    q->torn == 1 ? "" : "s");
	if (q->unreadable)
		html_printf(out, "<li>%s goroutine%s in memory that could not be read</li>\n",
			    words_count(q->unreadable, words), q->unreadable == 1 ? "" : "s");
	for (uint32_t i = 0; i < q->n_notes; i++)
		page_item(q->notes[i], out);
	for (uint32_t i = 0; i < of_memory; i++)
		page_item(s->memory->notes[i], out);
	fputs("</ul>\n</section>\n", out);
}

static void put_foot(const struct page_options *o, FILE *out)
{
	html_printf(out, "<footer class=\"foot\"><div class=\"wide\">\n"
		    "<p class=\"more\">loiter %.40s \xc2\xb7 "
		    "<a href=\"../../\">all processes of this node</a></p>\n</div></footer>\n",
		    o->version);
}

int page_process(const struct snapshot *s, const struct page_options *o, FILE *out)
{
	const char *name = s->process.name ? s->process.name : "?";
	uint32_t groups = o->groups ? o->groups : GROUPS;
	char title[TITLE];
	int r = 0;

	snprintf(title, sizeof(title), "%.80s \xc2\xb7 pid %d \xc2\xb7 loiter", name,
		 s->process.pid);
	page_begin(title, out);
	put_top(s, o, out);
	html_printf(out, "<main id=\"main\" tabindex=\"-1\" class=\"wide\">\n"
		    "<div class=\"title\">\n<h1>%.120s</h1>\n", name);
	put_size(s, out);
	put_reading(s, out);
	fputs("</div>\n", out);
	page_past(o->process, out);
	put_findings(s, groups < s->n_groups ? groups : s->n_groups, out);
	if (is_go(s))
		page_groups(s, groups, out);
	put_flames(s, out, &r);
	page_memory(s, out);
	page_threads(s, out);
	page_section("process", "The process", out);
	put_identity(&s->process, out);
	fputs("</section>\n", out);
	page_downloads(s, out);
	put_notes(s, out);
	fputs("</main>\n", out);
	put_foot(o, out);
	page_end(out);
	if (r < 0)
		return r;
	return ferror(out) ? -EIO : 0;
}
