// SPDX-License-Identifier: Apache-2.0
/* Goroutines of a process, group by group. */
#include <inttypes.h>

#include "analysis/site.h"
#include "base/cleanup.h"
#include "report/html.h"
#include "report/page_parts.h"
#include "report/page_process.h"
#include "report/words.h"

enum { FRAMES = 64, LABELS = 6, PLACE = 90 };

static const char *wait_words(const struct group *g)
{
	return g->wait_reason ? g->wait_reason : go_state_name(g->state);
}

static void put_frame(const struct frame *f, FILE *out)
{
	if (f->function)
		html_printf(out, "<li>%.300s", f->function);
	else
		html_printf(out, "<li>0x%lx", f->pc);
	if (f->file)
		html_printf(out, " <span class=\"file\">%.200s:%u</span>", f->file, f->line);
	if (f->inlined)
		fputs(" <span class=\"file\">inlined</span>", out);
	fputs("</li>\n", out);
}

/* The stack under its most telling frame, innermost first. */
static void put_stack(const struct snapshot *s, const struct group *g, FILE *out)
{
	const struct frame *site = site_frame(&g->stack, s->process.module);
	char place[WORDS_CELL];

	if (!site) {
		html_printf(out, "%.200s", g->no_stack ? g->no_stack : "no stack");
		return;
	}
	/* words_place() has escaped it for a terminal, which is a second time no other. */
	html_printf(out, "<details><summary><code>%s</code></summary>\n<ol class=\"stack\">\n",
		    words_place(site, PLACE, place));
	for (uint32_t i = 0; i < g->stack.n && i < FRAMES; i++)
		put_frame(&g->stack.frames[i], out);
	if (g->stack.n > FRAMES || g->stack.truncated)
		fputs("<li>\xe2\x80\xa6</li>\n", out);
	fputs("</ol></details>", out);
}

static void put_verdict(const struct group *g, FILE *out)
{
	uint64_t leaked = group_leaked(g);
	char words[WORDS_NUMBER];

	fputs("<td>", out);
	if (g->verdict > VERDICT_OK)
		page_badge(g->verdict, out);
	if (leaked && leaked < g->count)
		html_printf(out, " %s of them", words_count(leaked, words));
	if (g->pattern)
		html_printf(out, " <span class=\"pattern\">%.60s</span>", g->pattern);
	fputs("</td>", out);
}

static void put_labels(const struct group *g, FILE *out)
{
	for (uint32_t i = 0; i < g->n_labels && i < LABELS; i++)
		html_printf(out, "<div class=\"muted\">%.60s=%.80s</div>", g->labels[i].key,
			    g->labels[i].value);
	if (g->n_labels > LABELS)
		html_printf(out, "<div class=\"muted\">%u more labels</div>",
			    g->n_labels - LABELS);
}

static void put_group(const struct snapshot *s, uint32_t i, FILE *out)
{
	const struct group *g = &s->groups[i];
	char words[WORDS_CELL];

	html_printf(out, "<tr id=\"g%u\"><td class=\"number\">%s</td>", i,
		    words_count(g->count, words));
	put_verdict(g, out);
	html_printf(out, "<td class=\"wait\">%.80s</td>", wait_words(g));
	html_printf(out, "<td class=\"number\">%s</td><th scope=\"row\" class=\"where\">",
		    words_age(g->oldest_wait_ns, words));
	put_stack(s, g, out);
	put_labels(g, out);
	html_printf(out, "</th><td>%s</td><td>", words_wait(&g->blocked_on, words));
	if (g->created_by.function)
		html_printf(out, "<code>%s</code>", words_place(&g->created_by, PLACE, words));
	fputs("</td></tr>\n", out);
}

static void put_totals(const struct snapshot *s, FILE *out)
{
	const struct named_count *all = s->n_by_wait_reason ? s->by_wait_reason : s->by_state;
	uint32_t n = s->n_by_wait_reason ? s->n_by_wait_reason : s->n_by_state;
	char words[WORDS_NUMBER];

	for (uint32_t i = 0; i < n && i < 12; i++)
		html_printf(out, "%s%s %.60s", i ? " \xc2\xb7 " : "",
			    words_count(all[i].count, words), all[i].name);
	html_printf(out, "%s%s of the runtime\xe2\x80\x99s own", n ? " \xc2\xb7 " : "",
		    words_count(s->system, words));
}

/* User groups come first (verdict_judge sorts them so). */
static uint32_t user_groups(const struct snapshot *s)
{
	uint32_t n = 0;

	while (n < s->n_groups && !s->groups[n].system)
		n++;
	return n;
}

void page_groups(const struct snapshot *s, uint32_t most, FILE *out)
{
	static const struct page_column columns[] = {
		{ "Count", true }, { "Verdict", false }, { "Waits for", false },
		{ "At least", true }, { "Where (open for the stack)", false },
		{ "Blocked on", false }, { "Created by", false },
	};
	uint32_t n = user_groups(s), shown = n < most ? n : most;

	page_section("groups", "Goroutines", out);
	if (n)
		fputs("<div class=\"sheet\" role=\"region\" aria-labelledby=\"groups\" "
		      "tabindex=\"0\">\n<table class=\"long\" id=\"grouped\"><caption>", out);
	else
		fputs("<p class=\"muted\">", out);
	put_totals(s, out);
	fputs(n ? "</caption>\n" : "</p>\n", out);
	if (n)
		page_columns(columns, ARRAY_SIZE(columns), out);
	for (uint32_t i = 0; i < shown; i++)
		put_group(s, i, out);
	if (n)
		fputs("</tbody></table></div>\n", out);
	if (shown < n)
		html_printf(out, "<p class=\"more\">%u more groups: see the JSON.</p>\n",
			    n - shown);
	fputs("</section>\n", out);
}

/* --- Threads --- */

static uint32_t threads_of(const struct group *g)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < g->n_samples; i++)
		n += g->sample_tids[i] > 0;
	return n;
}

static void put_on_thread(const struct snapshot *s, const struct group *g, FILE *out)
{
	const struct frame *site = site_frame(&g->stack, s->process.module);
	char place[WORDS_CELL];
	bool any = false;

	html_printf(out, "<tr><td>%s</td><th scope=\"row\"><code>%s</code></th><td>",
		    go_state_name(g->state), site ? words_place(site, PLACE, place) :
		    g->no_stack ? g->no_stack : "no stack");
	for (uint32_t i = 0; i < g->n_samples; i++) {
		if (g->sample_tids[i] <= 0)
			continue;
		html_printf(out, "%s%d", any ? ", " : "", g->sample_tids[i]);
		any = true;
	}
	html_printf(out, "%s</td></tr>\n", g->count > g->n_samples ? ", \xe2\x80\xa6" : "");
}

static void put_threads(const struct snapshot *s, FILE *out)
{
	static const struct page_column columns[] = {
		{ "State", false }, { "Where", false }, { "Threads", false },
	};
	bool any = false;

	for (uint32_t i = 0; i < s->n_groups; i++) {
		if (!threads_of(&s->groups[i]))
			continue;
		if (!any) {
			fputs("<div class=\"sheet\"><table>"
			      "<caption>Goroutines that were on a thread</caption>\n", out);
			page_columns(columns, ARRAY_SIZE(columns), out);
		}
		any = true;
		put_on_thread(s, &s->groups[i], out);
	}
	if (any)
		fputs("</tbody></table></div>\n", out);
}

void page_threads(const struct snapshot *s, FILE *out)
{
	char words[WORDS_NUMBER];

	page_section("threads", "Threads", out);
	if (s->process.threads)
		html_printf(out, "<p>%s thread%s.</p>\n", words_count(s->process.threads, words),
			    s->process.threads == 1 ? "" : "s");
	else
		fputs("<p class=\"muted\">Their number is not known.</p>\n", out);
	put_threads(s, out);
	fputs("</section>\n", out);
}
