// SPDX-License-Identifier: Apache-2.0
#include "report/page_parts.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "report/html.h"
#include "report/json_value.h"
#include "page_assets.h"
#include "report/words.h"

/* A rate of less time than this is of a start, or of one step. */
#define RATE_MIN_S 20

const char page_policy[] = PAGE_POLICY;
const char page_script_source[] = PAGE_SCRIPT;

/* A clock: the icon. */
#define MARK \
	"<circle cx='16' cy='16' r='13' fill='none' stroke='%231f6feb' stroke-width='4'/>" \
	"<path d='M16 8v8l6 4' fill='none' stroke='%231f6feb' stroke-width='4' " \
	"stroke-linecap='round' stroke-linejoin='round'/>"

void page_begin(const char *title, FILE *out)
{
	html_printf(out, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
		    "<meta http-equiv=\"Content-Security-Policy\" content=\"%s\">\n"
		    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
		    "<meta name=\"color-scheme\" content=\"light dark\">\n"
		    "<meta name=\"referrer\" content=\"no-referrer\">\n<title>%s</title>\n",
		    page_policy, title);
	fputs("<link rel=\"icon\" href=\"data:image/svg+xml,"
	      "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'>" MARK "</svg>\">\n"
	      "<style>", out);
	fwrite(page_style, 1, sizeof(page_style), out);
	fputs("</style>\n</head>\n<body>\n"
	      "<a class=\"skip\" href=\"#main\">Skip to the content</a>\n", out);
}

void page_end(FILE *out)
{
	fputs("<script>", out);
	fwrite(page_script, 1, sizeof(page_script), out);
	fputs("</script>\n</body>\n</html>\n", out);
}

void page_brand(const struct page_options *o, const char *home, FILE *out)
{
	static const char mark[] =
		"<svg width=\"20\" height=\"20\" viewBox=\"0 0 32 32\" aria-hidden=\"true\">"
		"<circle cx=\"16\" cy=\"16\" r=\"13\" fill=\"none\" stroke=\"#1f6feb\" "
		"stroke-width=\"4\"/><path d=\"M16 8v8l6 4\" fill=\"none\" stroke=\"#1f6feb\" "
		"stroke-width=\"4\" stroke-linecap=\"round\" stroke-linejoin=\"round\"/></svg>";

	html_printf(out, "<p class=\"brand\">");
	fputs(mark, out);
	if (home)
		html_printf(out, "<a href=\"%s\">loiter%s%.80s</a></p>\n", home,
			    o->node ? " on " : "", o->node ? o->node : "");
	else
		html_printf(out, "<span>loiter%s%.80s</span></p>\n", o->node ? " on " : "",
			    o->node ? o->node : "");
}

void page_time(const struct timespec *t, FILE *out)
{
	char iso[JSON_TIME], words[JSON_TIME];

	if (!json_time(t, iso)) {
		fputs("an unknown time", out);
		return;
	}
	snprintf(words, sizeof(words), "%.10s %.8s UTC", iso, iso + 11);
	html_printf(out, "<time datetime=\"%s\">%s</time>", iso, words);
}

void page_section(const char *id, const char *title, FILE *out)
{
	html_printf(out, "<section aria-labelledby=\"%s\">\n<h2 id=\"%s\">%s</h2>\n", id, id,
		    title);
}

void page_columns(const struct page_column *all, size_t n, FILE *out)
{
	fputs("<thead><tr>", out);
	for (size_t i = 0; i < n; i++)
		html_printf(out, all[i].number ? "<th scope=\"col\" class=\"number\">%s</th>"
					       : "<th scope=\"col\">%s</th>", all[i].title);
	fputs("</tr></thead>\n<tbody>\n", out);
}

void page_badge(enum verdict v, FILE *out)
{
	html_printf(out, "<span class=\"badge %s\">%s</span>", verdict_name(v), verdict_name(v));
}

static const char *amount(enum page_figure what, double n, char *buf)
{
	if (what == FIGURE_RSS)
		return words_bytes((uint64_t)n, buf);
	if (n < 9.95)
		snprintf(buf, WORDS_NUMBER, "%.1f", n);
	else
		words_count((uint64_t)(n + 0.5), buf);
	return buf;
}

const char *page_rate(enum page_figure what, const struct trend *t, char *buf)
{
	double rate = fabs(t->rate_per_min), least = what == FIGURE_RSS ? 1024 : 1;
	const char *unit = "minute";
	char number[WORDS_NUMBER];

	*buf = '\0';
	if (!t->known || (!t->grows && t->window_s < RATE_MIN_S) || !(rate < 1e18))
		return buf;
	if (rate < least) {
		rate *= 60;
		unit = "hour";
	}
	if (rate < least)
		return buf;
	snprintf(buf, WORDS_CELL, "%s%s a%s %s", t->rate_per_min < 0 ? "\xe2\x88\x92" : "+",
		 amount(what, rate, number), *unit == 'h' ? "n" : "", unit);
	return buf;
}

void page_figure(enum page_figure what, const char *text, const struct trend *t,
		 const struct node_history *h, FILE *out)
{
	char rate[WORDS_CELL];

	fputs("<div class=\"figure\">", out);
	html_printf(out, "<p class=\"name\">%s</p><p class=\"now\">%s</p>",
		    what == FIGURE_RSS ? "RSS" : "Goroutines", text ? text : "\xe2\x80\x93");
	page_spark(h, what, false, out);
	if (t && (*page_rate(what, t, rate) || t->grows))
		html_printf(out, "<p class=\"rate%s\">%s%s%s</p>", t->grows ? " grows" : "",
			    rate, t->grows && *rate ? ", " : "",
			    t->grows ? "grows" : "");
	fputs("</div>\n", out);
}

void page_fact(FILE *out, const char *name, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	html_printf(out, "<div><dt>%s</dt><dd>%.400s</dd></div>\n", name, n < 0 ? "?" : text);
	if (n >= 0)
		free(text);
}
