// SPDX-License-Identifier: Apache-2.0
/* The processes of a node without findings, a line each: those that grow first. */
#include "base/cleanup.h"
#include "report/html.h"
#include "report/page_node.h"
#include "report/page_parts.h"
#include "report/words.h"

static void put_figure(const struct node_process *p, enum page_figure what, FILE *out)
{
	const struct trend *t = what == FIGURE_RSS ? &p->rss : &p->goroutines;
	char words[WORDS_NUMBER];

	fputs("<td class=\"number\">", out);
	if (t->known) {
		html_printf(out, "%s", what == FIGURE_RSS ? words_bytes(t->now, words)
							  : words_count(t->now, words));
		page_spark(p->history, what, true, out);
	}
	fputs("</td>", out);
}

static void put_rate(enum page_figure what, const struct trend *t, FILE *out)
{
	char rate[WORDS_CELL];

	html_printf(out, "<td class=\"number\">%s</td>", page_rate(what, t, rate));
}

/* Sentences, or their beginnings, one behind another. */
static void put_note(FILE *out, bool *any, const char *note)
{
	html_printf(out, "%s%.200s", *any ? "; " : "", note);
	*any = true;
}

static void put_count(FILE *out, bool *any, uint64_t n, const char *what)
{
	char number[WORDS_NUMBER];

	if (!n)
		return;
	html_printf(out, "%s%s %s", *any ? "; " : "", words_count(n, number), what);
	*any = true;
}

static void put_notes(const struct node_process *p, FILE *out)
{
	bool any = false;

	fputs("<td>", out);
	if (node_process_grows(p)) {
		fputs("<span class=\"grows\">grows</span>", out);
		any = true;
	}
	if (p->state != WATCH_RUNNING)
		put_note(out, &any, watch_state_name(p->state));
	if (p->began)
		put_note(out, &any, "new");
	if (p->locks)
		put_count(out, &any, p->locks->n_contended, "locks waited for");
	if (p->not_read)
		put_note(out, &any, p->not_read);
	put_count(out, &any, p->tally.failed, "looks failed");
	put_count(out, &any, p->tally.missed, "looks missed");
	fputs("</td>", out);
}

static void put_row(const struct node_process *p, FILE *out)
{
	char words[WORDS_CELL];

	fputs("<tr><th scope=\"row\">", out);
	page_node_link(p, out);
	html_printf(out, "</th><td class=\"number\">%d</td><td>%s</td><td class=\"wait\">%s</td>",
		    p->pid, node_kind_name(p->kind), page_node_place(p, words));
	put_figure(p, FIGURE_GOROUTINES, out);
	put_figure(p, FIGURE_RSS, out);
	put_rate(FIGURE_RSS, &p->rss, out);
	html_printf(out, "<td class=\"number\">%s</td>",
		    p->threads.known ? words_count(p->threads.now, words) : "");
	if (p->cores >= 0)
		html_printf(out, "<td class=\"number\">%.0f %%</td>", p->cores * 100);
	else
		fputs("<td></td>", out);
	put_notes(p, out);
	fputs("</tr>\n", out);
}

static void put_head(FILE *out)
{
	static const struct page_column columns[] = {
		{ "Process", false }, { "PID", true }, { "Kind", false }, { "Runs in", false },
		{ "Goroutines", true }, { "RSS", true }, { "RSS grows by", true },
		{ "Threads", true }, { "CPU", true }, { "Notes", false },
	};

	fputs("<div class=\"sheet\" role=\"region\" aria-labelledby=\"others\" tabindex=\"0\">\n"
	      "<table class=\"long\" id=\"processes\">"
	      "<caption>Processes without findings; those that grow come first.</caption>\n", out);
	page_columns(columns, ARRAY_SIZE(columns), out);
}

void page_node_table(const struct node_look *n, uint32_t most, FILE *out)
{
	uint32_t shown = 0, left = 0;

	page_section("others", "Other processes", out);
	for (uint32_t i = 0; i < n->n; i++) {
		if (page_node_finding(&n->all[i], 0))
			continue;
		if (shown == most) {
			left++;
			continue;
		}
		if (shown++ == 0)
			put_head(out);
		put_row(&n->all[i], out);
	}
	fputs(shown ? "</tbody></table></div>\n" : "<p class=\"muted\">There are no others.</p>\n",
	      out);
	if (left)
		html_printf(out, "<p class=\"more\">%u more: "
			    "<a href=\"api/v1/processes\">all of them as JSON</a>.</p>\n", left);
	fputs("</section>\n", out);
}
