// SPDX-License-Identifier: Apache-2.0
/* A process of the node with findings, and what else is said of any process there. */
#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "model/examined.h"
#include "report/html.h"
#include "report/page_node.h"
#include "report/page_parts.h"
#include "report/words.h"

enum { FINDINGS_SHOWN = 4, SENTENCE = 600 };

void page_node_link(const struct node_process *p, FILE *out)
{
	html_printf(out, "<a href=\"proc/%d-%lu/\">%.80s</a>", p->pid, p->start_time,
		    p->name && *p->name ? p->name : "?");
}

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

const char *page_node_place(const struct node_process *p, char *buf)
{
	*buf = '\0';
	if (p->pod_uid)
		snprintf(buf, WORDS_CELL, "pod %.36s%s%.12s", p->pod_uid,
			 p->container_id ? ", container " : "",
			 p->container_id ? p->container_id : "");
	else if (p->container_id)
		snprintf(buf, WORDS_CELL, "container %.12s", p->container_id);
	else if (p->unit)
		snprintf(buf, WORDS_CELL, "%.200s", p->unit);
	else if (p->cgroup && *last_part(p->cgroup) != '/')
		snprintf(buf, WORDS_CELL, "cgroup %.200s", last_part(p->cgroup));
	return buf;
}

static void put_about(const struct node_process *p, FILE *out)
{
	char words[WORDS_CELL];

	html_printf(out, "<p class=\"about\">pid %d \xc2\xb7 %s", p->pid, node_kind_name(p->kind));
	if (p->info && p->info->go_version)
		html_printf(out, " \xc2\xb7 %.30s", p->info->go_version);
	if (*page_node_place(p, words))
		html_printf(out, " \xc2\xb7 %s", words);
	if (p->uptime_s >= 0)
		html_printf(out, " \xc2\xb7 up %s", words_uptime(p->uptime_s, words));
	if (p->threads.known)
		html_printf(out, " \xc2\xb7 %s thread%s%s", words_count(p->threads.now, words),
			    p->threads.now == 1 ? "" : "s", p->threads.grows ? ", growing" : "");
	if (p->cores >= 0)
		html_printf(out, " \xc2\xb7 %.0f %% CPU", p->cores * 100);
	if (p->state != WATCH_RUNNING)
		html_printf(out, " \xc2\xb7 <strong>%s</strong>", watch_state_name(p->state));
	fputs("</p>\n", out);
}

static void put_finding(const struct finding *f, FILE *out)
{
	fputs("<li>", out);
	page_badge(f->verdict, out);
	fputc(' ', out);
	html_sentence(f->summary ? f->summary : "", SENTENCE, out);
	if (f->pattern)
		html_printf(out, " <span class=\"pattern\">%.60s</span>", f->pattern);
	if (f->site && *f->site)
		html_printf(out, "<span class=\"site\">%.240s</span>", f->site);
	fputs("</li>\n", out);
}

static void put_grade(const struct examined_leaks *l, const char *grade, bool *any, FILE *out)
{
	char words[WORDS_NUMBER];

	if (!l->goroutines)
		return;
	html_printf(out, "%s %s %s", *any ? "," : "", words_count(l->goroutines, words), grade);
	*any = true;
	if (l->bytes > 0)
		html_printf(out, " (%s)", words_bytes((uint64_t)l->bytes, words));
}

/* How many can never run again, by the last look that searched for them. */
static void put_leaks(const struct examined *e, FILE *out)
{
	bool any = false;

	if (!e || !e->leaks_known)
		return;
	if (!e->proven.goroutines && !e->likely.goroutines && !e->suspect.goroutines)
		return;
	fputs("<p class=\"more\">Goroutines that can never run again:", out);
	put_grade(&e->proven, "proven", &any, out);
	put_grade(&e->likely, "likely", &any, out);
	put_grade(&e->suspect, "suspect", &any, out);
	fputs("; looked for at ", out);
	page_time(&e->time, out);
	fputs("</p>\n", out);
}

static void put_told(const struct node_process *p, FILE *out)
{
	const struct finding *f;
	uint32_t n = 0;

	fputs("<div class=\"told\"><ul>\n", out);
	for (; (f = page_node_finding(p, n)); n++)
		if (n < FINDINGS_SHOWN)
			put_finding(f, out);
	fputs("</ul>\n", out);
	if (n > FINDINGS_SHOWN)
		html_printf(out, "<p class=\"more\">and %u more</p>\n", n - FINDINGS_SHOWN);
	put_leaks(p->examined, out);
	if (p->tally.failed || p->tally.missed)
		html_printf(out, "<p class=\"more\">%lu looks failed, %lu missed</p>\n",
			    p->tally.failed, p->tally.missed);
	if (p->not_read)
		html_printf(out, "<p class=\"more\">Not read: %.300s</p>\n", p->not_read);
	fputs("</div>\n", out);
}

void page_node_card(const struct node_process *p, FILE *out)
{
	char words[WORDS_NUMBER];

	html_printf(out, "<article class=\"card %s\" aria-labelledby=\"p%d-%lu\">\n"
		    "<h3 id=\"p%d-%lu\">", verdict_name(page_node_worst(p)), p->pid, p->start_time,
		    p->pid, p->start_time);
	page_node_link(p, out);
	fputs("</h3>\n", out);
	put_about(p, out);
	put_told(p, out);
	fputs("<div class=\"figures\">\n", out);
	if (p->goroutines.known)
		page_figure(FIGURE_GOROUTINES, words_count(p->goroutines.now, words),
			    &p->goroutines, p->history, out);
	page_figure(FIGURE_RSS, p->rss.known ? words_bytes(p->rss.now, words) : NULL, &p->rss,
		    p->history, out);
	fputs("</div>\n</article>\n", out);
}
