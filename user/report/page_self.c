// SPDX-License-Identifier: Apache-2.0
/* What it costs to know all this, and what is not known. */
#include <inttypes.h>

#include "base/cleanup.h"
#include "report/html.h"
#include "report/page_node.h"
#include "report/page_parts.h"
#include "report/words.h"

static void put_cost(const struct node_look *n, const struct node_self *self, FILE *out)
{
	const struct overhead *o = &n->overhead;
	char words[WORDS_NUMBER], cap[WORDS_NUMBER];

	if (o->core_percent >= 0)
		page_fact(out, "CPU of loiter", "%.2f %% of a core, budget %g %%",
			  o->core_percent, self->budget_percent);
	if (o->target_cpu >= 0)
		page_fact(out, "CPU of tracing, in the processes", "%.2f %% of one core",
			  o->target_cpu * 100);
	if (o->rss_bytes && self->memory_max_bytes)
		page_fact(out, "Memory of loiter", "%s of %s", words_bytes(o->rss_bytes, words),
			  words_bytes(self->memory_max_bytes, cap));
	else if (o->rss_bytes)
		page_fact(out, "Memory of loiter", "%s", words_bytes(o->rss_bytes, words));
	page_fact(out, "Looks", "%s in %s, the next in %.0f s",
		  words_count((uint64_t)n->number + 1, words), words_uptime(n->elapsed_s, cap),
		  n->next_s);
	page_fact(out, "Processes are discovered", "%s",
		  self->discovers ? "as they begin, checked by /proc" : "by /proc alone");
	page_fact(out, "Cells", "%" PRIu64 " run, %" PRIu64 " failed, %" PRIu64 " killed",
		  self->cells_run, self->cells_failed, self->cells_killed);
	page_fact(out, "HTTP requests", "%" PRIu64 ", %" PRIu64 " refused, %" PRIu64 " failed",
		  self->http_requests, self->http_refused, self->http_failed);
	if (self->otlp)
		page_fact(out, "OTLP", "%" PRIu64 " sent, %" PRIu64 " failed", self->otlp_sent,
			  self->otlp_failed);
	if (n->futex.on)
		page_fact(out, "Long waits were traced", "%.0f %% of the time",
			  n->futex.seen * 100);
	else if (n->futex.refused)
		page_fact(out, "Long waits are not traced", "%s", n->futex.refused);
}

struct loss {
	uint64_t n;
	const char *what;
};

/* What went past loiter: that something is not on this page does not mean that it is not there. */
static bool put_losses(const struct node_look *n, const struct node_self *self, FILE *out)
{
	const struct loss all[] = {
		{ self->left_out, "processes beyond the cap" },
		{ n->unreadable, "processes that may not be read" },
		{ n->stuck, "processes whose reading hangs" },
		{ self->discovery_lost, "beginnings and ends missed, found by /proc" },
		{ self->trace_lost + n->futex.lost, "events of tracing lost" },
		{ n->blind, "long waits that could not be followed" },
		{ self->cells_failed + self->cells_killed, "looks in cells that came to nothing" },
		{ self->otlp_dropped, "OTLP requests given up" },
		{ self->state_failed, "times that the state could not be saved" },
		{ self->reloads_failed, "times that the configuration was refused" },
	};
	char number[WORDS_NUMBER];
	bool any = false;

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		if (!all[i].n)
			continue;
		if (!any)
			fputs("<h3>Not seen</h3>\n<dl class=\"facts sheet\">\n", out);
		html_printf(out, "<div class=\"lost\"><dt>%s</dt><dd>%s</dd></div>\n",
			    all[i].what, words_count(all[i].n, number));
		any = true;
	}
	return any;
}

void page_node_self(const struct node_look *n, const struct node_self *self, FILE *out)
{
	fputs("<footer class=\"foot\" id=\"loiter\"><div class=\"wide\">\n"
	      "<h2>loiter itself</h2>\n<dl class=\"facts sheet\">\n", out);
	put_cost(n, self, out);
	fputs("</dl>\n", out);
	if (put_losses(n, self, out))
		fputs("</dl>\n", out);
	html_printf(out, "<p class=\"more\">loiter %.40s \xc2\xb7 <a href=\"metrics\">metrics</a> "
		    "\xc2\xb7 <a href=\"targets\">targets</a> \xc2\xb7 "
		    "<a href=\"api/v1/processes\">processes as JSON</a></p>\n</div></footer>\n",
		    self->version);
}
