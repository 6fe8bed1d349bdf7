// SPDX-License-Identifier: Apache-2.0
/* What one look at a process cannot tell, and the daemon that has watched it can. */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "report/html.h"
#include "report/page.h"
#include "report/page_parts.h"
#include "report/page_process.h"
#include "report/words.h"

/* Stands where page_fill() puts something: no name makes these bytes, for "<" is escaped. */
#define SLOT "<!--loiter:past-->"

static void put_figures(const struct node_process *p, FILE *out)
{
	char words[WORDS_NUMBER];

	fputs("<div class=\"figures sheet\">\n", out);
	if (p->goroutines.known)
		page_figure(FIGURE_GOROUTINES, words_count(p->goroutines.now, words),
			    &p->goroutines, p->history, out);
	page_figure(FIGURE_RSS, p->rss.known ? words_bytes(p->rss.now, words) : NULL, &p->rss,
		    p->history, out);
	fputs("</div>\n", out);
}

/* An end and a start are other processes: these three are of this one. */
static void put_tally(const struct node_process *p, FILE *out)
{
	char taken[WORDS_NUMBER], failed[WORDS_NUMBER], missed[WORDS_NUMBER];

	if (!p->tally.looks && !p->tally.failed && !p->tally.missed)
		return;
	html_printf(out, "<p class=\"more\">%s look%s at its goroutines, %s failed, "
		    "%s missed.</p>\n",
		    words_count(p->tally.looks, taken), p->tally.looks == 1 ? "" : "s",
		    words_count(p->tally.failed, failed), words_count(p->tally.missed, missed));
}

static void put_past(const struct node_process *p, FILE *out)
{
	page_section("past", "Over time", out);
	put_figures(p, out);
	put_tally(p, out);
	if (p->not_read)
		html_printf(out, "<p class=\"more\">Not read: %.300s</p>\n", p->not_read);
	fputs("<div class=\"cards past\">\n", out);
	/* Their groups are not those of this page's look. */
	for (uint32_t i = 0; i < p->n_findings; i++)
		page_finding(&p->findings[i], 'p', i, 0, out);
	fputs("</div>\n</section>\n", out);
}

void page_past(const struct node_process *p, FILE *out)
{
	if (p)
		put_past(p, out);
	else
		fputs(SLOT "\n", out);
}

int page_fill(const char *page, size_t size, const struct node_process *p, FILE *out)
{
	const char *slot = memmem(page, size, SLOT, strlen(SLOT));
	size_t before = slot ? (size_t)(slot - page) : size;

	fwrite(page, 1, before, out);
	if (slot) {
		if (p)
			put_past(p, out);
		before += strlen(SLOT);
		fwrite(page + before, 1, size - before, out);
	}
	return ferror(out) ? -EIO : 0;
}
