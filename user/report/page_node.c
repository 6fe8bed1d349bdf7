// SPDX-License-Identifier: Apache-2.0
/* The page of a node: what is wrong first, then all the others, then what it costs to know it. */
#include "report/page_node.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "model/examined.h"
#include "report/html.h"
#include "report/page.h"
#include "report/page_parts.h"
#include "report/words.h"

enum { CARDS = 100, ROWS = 2000, TITLE = 256 };

/* --- What is wrong with a process --- */

static bool same(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static bool is_own(const struct node_process *p, const struct finding *f)
{
	for (uint32_t i = 0; i < p->n_findings; i++)
		if (same(p->findings[i].pattern, f->pattern) && same(p->findings[i].site, f->site))
			return true;
	return false;
}

/* The i-th of this verdict; *i counts those that there were. */
static const struct finding *find(const struct node_process *p, enum verdict v, uint32_t *i)
{
	for (uint32_t k = 0; k < p->n_findings; k++)
		if (p->findings[k].verdict == v && (*i)-- == 0)
			return &p->findings[k];
	for (uint32_t k = 0; p->examined && k < p->examined->n_findings; k++) {
		const struct finding *f = &p->examined->findings[k];

		if (f->verdict == v && !is_own(p, f) && (*i)-- == 0)
			return f;
	}
	return NULL;
}

const struct finding *page_node_finding(const struct node_process *p, uint32_t i)
{
	const struct finding *f = NULL;

	for (int v = VERDICT_PROVEN; !f && v >= VERDICT_SUSPECT; v--)
		f = find(p, (enum verdict)v, &i);
	return f;
}

enum verdict page_node_worst(const struct node_process *p)
{
	const struct finding *f = page_node_finding(p, 0);

	return f ? f->verdict : VERDICT_OK;
}

/* --- The top --- */

struct wrong {
	uint32_t all, by[VERDICT_PROVEN + 1];
};

static struct wrong count_wrong(const struct node_look *n)
{
	struct wrong w = { 0 };

	for (uint32_t i = 0; i < n->n; i++) {
		enum verdict v = page_node_worst(&n->all[i]);

		if (v >= VERDICT_SUSPECT) {
			w.all++;
			w.by[v]++;
		}
	}
	return w;
}

static void put_grades(const struct wrong *w, FILE *out)
{
	const char *separator = ": ";

	for (int v = VERDICT_PROVEN; v >= VERDICT_SUSPECT; v--) {
		if (!w->by[v])
			continue;
		html_printf(out, "%s%u ", separator, w->by[v]);
		page_badge((enum verdict)v, out);
		separator = ", ";
	}
}

static void put_counts(const struct node_look *n, FILE *out)
{
	char number[WORDS_NUMBER];

	html_printf(out, "<p class=\"muted\">%s process%s, %u of them Go",
		    words_count(n->n, number), n->n == 1 ? "" : "es", n->n_go);
	if (n->n_unknown)
		html_printf(out, "; %u not looked at yet", n->n_unknown);
	if (n->unreadable)
		html_printf(out, "; %u not readable", n->unreadable);
	if (n->stuck)
		html_printf(out, "; %u stuck", n->stuck);
	if (n->began || n->ended)
		html_printf(out, "; since the look before %lu began, %lu ended", n->began,
			    n->ended);
	fputs(".</p>\n", out);
}

static void put_top(const struct node_look *n, const struct node_self *self,
		    const struct page_options *o, FILE *out)
{
	char span[WORDS_NUMBER];

	fputs("<header class=\"top\"><div class=\"wide\">\n", out);
	page_brand(o, NULL, out);
	fputs("<nav aria-label=\"Sections\"><ul>"
	      "<li><a href=\"#findings\">Findings</a></li>"
	      "<li><a href=\"#others\">Processes</a></li>"
	      "<li><a href=\"#loiter\">loiter itself</a></li></ul></nav>\n"
	      "<p class=\"when\">looked at ", out);
	page_time(&n->time, out);
	if (self->interval_s > 0)
		html_printf(out, ", every %s", words_uptime(self->interval_s, span));
	fputs("</p>\n</div></header>\n", out);
}

static void put_title(const struct node_look *n, const struct wrong *w, FILE *out)
{
	fputs("<div class=\"title\">\n", out);
	if (w->all) {
		html_printf(out, "<h1>%u of %u processes need%s a look</h1>\n"
			    "<p class=\"lead\">worst of each", w->all, n->n,
			    w->all == 1 ? "s" : "");
		put_grades(w, out);
		fputs("</p>\n", out);
	} else {
		fputs("<h1>Nothing wrong found</h1>\n", out);
	}
	put_counts(n, out);
	fputs("</div>\n", out);
}

/* --- The body --- */

static void put_calm(const struct node_look *n, FILE *out)
{
	html_printf(out, "<p class=\"calm\">No process has findings%s.</p>\n",
		    n->n_unknown || n->unreadable || n->stuck ?
			    ", as far as they could be looked at" : "");
}

static void put_findings(const struct node_look *n, const struct wrong *w, uint32_t most, FILE *out)
{
	uint32_t shown = 0;

	page_section("findings", "Findings", out);
	if (!w->all)
		put_calm(n, out);
	else
		fputs("<div class=\"cards\">\n", out);
	for (uint32_t i = 0; i < n->n && shown < most; i++) {
		if (!page_node_finding(&n->all[i], 0))
			continue;
		page_node_card(&n->all[i], out);
		shown++;
	}
	if (w->all)
		fputs("</div>\n", out);
	if (shown < w->all)
		html_printf(out, "<p class=\"more\">%u more have findings: "
			    "<a href=\"api/v1/processes\">all of them as JSON</a>.</p>\n",
			    w->all - shown);
	fputs("</section>\n", out);
}

static void put_gone(const struct node_look *n, FILE *out)
{
	if (!n->n_gone)
		return;
	page_section("gone", "Ended since the look before", out);
	fputs("<ul class=\"notes sheet\">\n", out);
	for (uint32_t i = 0; i < n->n_gone; i++)
		html_printf(out, "<li>%.80s, pid %d: %s</li>\n", n->gone[i].name, n->gone[i].pid,
			    watch_state_name(n->gone[i].state));
	fputs("</ul>\n</section>\n", out);
}

int page_node(const struct node_look *n, const struct node_self *self,
	      const struct page_options *o, FILE *out)
{
	const struct wrong w = count_wrong(n);
	char title[TITLE];

	snprintf(title, sizeof(title), "%u finding%s \xc2\xb7 %.80s%sloiter", w.all,
		 w.all == 1 ? "" : "s", o->node ? o->node : "", o->node ? " \xc2\xb7 " : "");
	page_begin(title, out);
	put_top(n, self, o, out);
	fputs("<main id=\"main\" tabindex=\"-1\" class=\"wide\">\n", out);
	put_title(n, &w, out);
	put_findings(n, &w, o->cards ? o->cards : CARDS, out);
	page_node_table(n, o->rows ? o->rows : ROWS, out);
	put_gone(n, out);
	fputs("</main>\n", out);
	page_node_self(n, self, out);
	page_end(out);
	return ferror(out) ? -EIO : 0;
}
