// SPDX-License-Identifier: Apache-2.0
#include <inttypes.h>

#include "report/html.h"
#include "report/page_parts.h"
#include "report/page_process.h"

enum { SENTENCE = 1000, FINDING_ID = 16 };

void page_item(const char *sentence, FILE *out)
{
	fputs("<li>", out);
	html_sentence(sentence, SENTENCE, out);
	fputs("</li>\n", out);
}

static void put_evidence(const struct finding *f, FILE *out)
{
	if (!f->n_evidence)
		return;
	fputs("<ul>\n", out);
	for (uint32_t i = 0; i < f->n_evidence; i++)
		page_item(f->evidence[i], out);
	fputs("</ul>\n", out);
}

void page_finding(const struct finding *f, char kind, uint32_t i, uint32_t groups, FILE *out)
{
	char id[FINDING_ID];

	snprintf(id, sizeof(id), "%c%" PRIu32, kind, i);
	html_printf(out, "<article class=\"finding %s\" aria-labelledby=\"%s\">\n<h3 id=\"%s\">",
		    verdict_name(f->verdict), id, id);
	page_badge(f->verdict, out);
	fputc(' ', out);
	html_sentence(f->summary ? f->summary : "", SENTENCE, out);
	if (f->pattern)
		html_printf(out, " <span class=\"pattern\">%.60s</span>", f->pattern);
	fputs("</h3>\n", out);
	if (f->site && *f->site && f->group < groups)
		html_printf(out, "<p class=\"site\"><a href=\"#g%u\">%.400s</a></p>\n", f->group,
			    f->site);
	else if (f->site && *f->site)
		html_printf(out, "<p class=\"site\">%.400s</p>\n", f->site);
	put_evidence(f, out);
	if (f->advice) {
		fputs("<p class=\"try\"><strong>Try:</strong> ", out);
		html_sentence(f->advice, SENTENCE, out);
		fputs("</p>\n", out);
	}
	fputs("</article>\n", out);
}
