// SPDX-License-Identifier: Apache-2.0
/* Where the memory of a process is: a bar, the same as a table, and who holds the heap. */
#include <inttypes.h>
#include <math.h>

#include "base/cleanup.h"
#include "model/c_memory.h"
#include "model/go_memory.h"
#include "model/memory.h"
#include "model/retained.h"
#include "report/html.h"
#include "report/page_parts.h"
#include "report/page_process.h"
#include "report/words.h"

enum { BAR_WIDTH = 1200, BAR_HEIGHT = 34, BAR_GAP = 2, RETAINERS = 25 };

static bool known(uint64_t v)
{
	return v != MEMORY_UNKNOWN;
}

static double share_of(const struct memory_ledger *m, int part)
{
	return m->rss_bytes && known(m->part[part]) ?
		       (double)m->part[part] / (double)m->rss_bytes : 0;
}

static void put_bar(const struct memory_ledger *m, FILE *out)
{
	double sum = 0;
	char words[WORDS_NUMBER];

	html_printf(out, "<svg class=\"bar\" viewBox=\"0 0 %d %d\" preserveAspectRatio=\"none\" "
		    "role=\"img\" aria-label=\"RSS of %s by part; the table below has the same in "
		    "words\">", BAR_WIDTH, BAR_HEIGHT, words_bytes(m->rss_bytes, words));
	for (int i = 0; i < MEMORY_PARTS; i++) {
		long from = lround(sum * BAR_WIDTH), to;

		sum = fmin(sum + share_of(m, i), 1);
		to = lround(sum * BAR_WIDTH);
		if (to == from)
			continue;
		html_printf(out, "<g><title>%s: %s</title>", memory_part_name((enum memory_part)i),
			    words_bytes(m->part[i], words));
		html_printf(out, "<rect class=\"m%d\" x=\"%ld\" width=\"%ld\" height=\"%d\"/></g>",
			    i, from, to - from > BAR_GAP ? to - from - BAR_GAP : to - from,
			    BAR_HEIGHT);
	}
	fputs("</svg>\n", out);
}

static void put_part(const struct memory_ledger *m, int part, FILE *out)
{
	char words[WORDS_NUMBER];
	double percent = 100 * share_of(m, part);

	html_printf(out, "<tr><th scope=\"row\"><svg class=\"swatch\" viewBox=\"0 0 10 10\" "
		    "aria-hidden=\"true\"><rect class=\"m%d\" width=\"10\" height=\"10\" "
		    "rx=\"2\"/></svg>%s</th>", part, memory_part_name((enum memory_part)part));
	if (!known(m->part[part]))
		fputs("<td class=\"number\">not told apart</td><td></td>", out);
	else
		html_printf(out, "<td class=\"number\">%s</td><td class=\"number\">%.1f %%</td>",
			    words_bytes(m->part[part], words), percent);
	html_printf(out, "<td>%s</td></tr>\n", words_part((enum memory_part)part));
}

static void put_parts(const struct memory_ledger *m, FILE *out)
{
	static const struct page_column columns[] = {
		{ "Part", false }, { "Bytes", true }, { "Share", true }, { "What it is", false },
	};
	char words[WORDS_NUMBER];

	html_printf(out, "<table><caption>All parts; they sum to the RSS of %s%s</caption>\n",
		    words_bytes(m->rss_bytes, words),
		    m->by_page ? "" : ", by the kernel's sums alone");
	page_columns(columns, ARRAY_SIZE(columns), out);
	for (int i = 0; i < MEMORY_PARTS; i++)
		put_part(m, i, out);
	fputs("</tbody></table>\n", out);
}

/* --- What the runtimes say themselves --- */

static void put_bytes(FILE *out, const char *name, uint64_t bytes)
{
	char words[WORDS_NUMBER];

	if (known(bytes))
		page_fact(out, name, "%s", words_bytes(bytes, words));
}

static void put_go(const struct go_memstats *g, FILE *out)
{
	char words[WORDS_NUMBER], age[WORDS_NUMBER];

	put_bytes(out, "Objects in the Go heap", g->heap_alloc_bytes);
	put_bytes(out, "Spans in use", g->heap_inuse_bytes);
	put_bytes(out, "Idle spans", g->heap_idle_bytes);
	put_bytes(out, "Given back to the system", g->heap_released_bytes);
	if (known(g->next_gc_bytes) && g->next_gc_bytes < INT64_MAX)
		page_fact(out, "Next collection at", "%s", words_bytes(g->next_gc_bytes, words));
	else if (known(g->next_gc_bytes))
		page_fact(out, "Next collection", "never due");
	if (g->gogc == -1)
		page_fact(out, "GOGC", "off");
	else if (g->gogc != GO_GOGC_UNKNOWN)
		page_fact(out, "GOGC", "%" PRId32, g->gogc);
	if (known(g->memory_limit_bytes))
		page_fact(out, "GOMEMLIMIT", "%s", g->memory_limit_bytes >= INT64_MAX ?
			  "none" : words_bytes(g->memory_limit_bytes, words));
	if (known(g->num_gc) && g->num_gc && known(g->last_gc_age_ns) &&
	    g->last_gc_age_ns <= INT64_MAX)
		page_fact(out, "Collections", "%s, the last %s ago", words_count(g->num_gc, words),
			  words_age((int64_t)g->last_gc_age_ns, age));
}

static void put_c(const struct memory_ledger *m, FILE *out)
{
	const char *name = c_allocator_name(m->c->allocator);

	if (name && m->c->counted) {
		page_fact(out, "C heap", "%s%s%s, %zu arena%s", name, m->c->version ? " " : "",
			  m->c->version ? m->c->version : "", m->c->n_arenas,
			  m->c->n_arenas == 1 ? "" : "s");
		put_bytes(out, "Used of the C heap", m->c->used_bytes);
		put_bytes(out, "What malloc_trim() gives back, at most", memory_trimmable(m));
	}
}

static void put_beside(const struct memory_ledger *m, FILE *out)
{
	if (m->swap_bytes)
		put_bytes(out, "In swap", m->swap_bytes);
	if (m->hugetlb_bytes)
		put_bytes(out, "Of hugetlbfs, beside RSS", m->hugetlb_bytes);
	if (m->huge_bytes)
		put_bytes(out, "Of RSS in huge pages", m->huge_bytes);
	if (m->lazyfree_bytes)
		put_bytes(out, "Of RSS the kernel may take", m->lazyfree_bytes);
}

static void put_retained(const struct retained *r, FILE *out)
{
	static const struct page_column columns[] = {
		{ "Holder", false }, { "Reached first", true }, { "By it alone", true },
		{ "By way of", false },
	};
	char words[WORDS_NUMBER];

	if (r->why_not || !r->n)
		return;
	html_printf(out, "<h3 id=\"holders\">Who holds the Go heap</h3>\n"
		    "<div class=\"sheet\"><table><caption>%s reached in all</caption>\n",
		    words_bytes(r->live_bytes, words));
	page_columns(columns, ARRAY_SIZE(columns), out);
	for (uint32_t i = 0; i < r->n && i < RETAINERS; i++) {
		const struct retainer *holder = &r->all[i];

		html_printf(out, "<tr><th scope=\"row\"><code>%.160s</code>%s</th>", holder->name,
			    holder->kind == RETAINER_GOROUTINES ? " (stacks)" : "");
		html_printf(out, "<td class=\"number\">%s</td>", words_bytes(holder->bytes, words));
		html_printf(out, "<td class=\"number\">%s</td><td><code>%.240s</code></td></tr>\n",
			    words_bytes(holder->exclusive_bytes, words),
			    holder->path ? holder->path : "");
	}
	fputs("</tbody></table></div>\n", out);
}

void page_memory(const struct snapshot *s, FILE *out)
{
	const struct memory_ledger *m = s->memory;

	if (!m)
		return;
	page_section("memory", "Memory", out);
	fputs("<div class=\"sheet\"><div class=\"memory\">\n", out);
	put_bar(m, out);
	fputs("</div>\n", out);
	put_parts(m, out);
	fputs("<dl class=\"facts\">\n", out);
	if (m->go)
		put_go(m->go, out);
	if (m->c)
		put_c(m, out);
	put_beside(m, out);
	fputs("</dl></div>\n", out);
	if (m->retained)
		put_retained(m->retained, out);
	fputs("</section>\n", out);
}
