// SPDX-License-Identifier: Apache-2.0
#include "report/text_ledger.h"

#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "model/c_memory.h"
#include "model/go_memory.h"
#include "report/text_finding.h"
#include "report/words.h"

enum { SENTENCE = 512, FILES_SHOWN = 3 };

/* Neighbours in the bar differ; the table has them again. */
static const char *const shades[] = { "\xe2\x96\x88", "\xe2\x96\x92", "\xe2\x96\x93",
				      "\xe2\x96\x91" };	/* █ ▒ ▓ ░ */

struct row {
	enum memory_part part;
	uint64_t bytes;
	const char *shade;
	unsigned int columns;	/* in the bar */
};

/* Parts that there are, the largest first; what nobody can explain comes last. */
static size_t list_rows(const struct memory_ledger *m, struct row rows[MEMORY_PARTS])
{
	size_t n = 0;

	for (int i = 0; i < MEMORY_PARTS; i++) {
		struct row row = { .part = (enum memory_part)i, .bytes = m->part[i] };
		size_t at = n;

		if (i != MEMORY_UNEXPLAINED && (!row.bytes || row.bytes == MEMORY_UNKNOWN))
			continue;
		for (; i != MEMORY_UNEXPLAINED && at && rows[at - 1].bytes < row.bytes; at--)
			rows[at] = rows[at - 1];
		rows[at] = row;
		n++;
	}
	return n;
}

/* Columns by share, all of them given out: what is cut off goes to those that lost most. */
static void share_out(struct row *rows, size_t n, uint64_t rss, unsigned int width)
{
	double lost[MEMORY_PARTS];
	unsigned int given = 0;

	for (size_t i = 0; i < n; i++) {
		double share = rss ? (double)rows[i].bytes / (double)rss * width : 0;

		if (share > width - given)
			share = width - given;
		rows[i].columns = (unsigned int)share;
		lost[i] = share - rows[i].columns;
		given += rows[i].columns;
	}
	for (; given < width && n; given++) {
		size_t most = 0;

		for (size_t i = 1; i < n; i++)
			if (lost[i] > lost[most])
				most = i;
		rows[most].columns++;
		lost[most] -= 1;
	}
	for (size_t i = 0, shown = 0; i < n; i++)
		if (rows[i].columns)
			rows[i].shade = shades[shown++ % ARRAY_SIZE(shades)];
}

static void print_bar(const struct row *rows, size_t n, struct line *l, FILE *out)
{
	for (size_t i = 0; i < n; i++)
		for (unsigned int k = 0; k < rows[i].columns; k++)
			line_put(l, rows[i].shade);
	line_end(l, out);
}

/* --- The table --- */

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

/* The files that have most of a part. */
static void put_files(const struct memory_ledger *m, enum memory_part part, struct line *l)
{
	const struct memory_file *shown[FILES_SHOWN];
	char words[WORDS_NUMBER];
	size_t n = 0;

	for (uint32_t i = 0; i < m->n_files; i++) {
		const struct memory_file *f = &m->files[i];
		bool text = part == MEMORY_FILE_TEXT;
		size_t at = n < FILES_SHOWN ? n : FILES_SHOWN;

#define BYTES(f) (text ? (f)->text_bytes : (f)->data_bytes)
		if (!f->path || !BYTES(f))
			continue;
		while (at && BYTES(shown[at - 1]) < BYTES(f)) {
			if (at < FILES_SHOWN)
				shown[at] = shown[at - 1];
			at--;
		}
		if (at < FILES_SHOWN)
			shown[at] = f;
		n += n < FILES_SHOWN;
#undef BYTES
	}
	for (size_t i = 0; i < n; i++)
		line_printf(l, "%s%.200s %s", i ? ", " : ": ", base_name(shown[i]->path),
			    words_bytes(part == MEMORY_FILE_TEXT ? shown[i]->text_bytes
								 : shown[i]->data_bytes, words));
}

static void print_row(const struct memory_ledger *m, const struct row *row, struct line *l,
		      FILE *out)
{
	char words[WORDS_NUMBER];
	double share = m->rss_bytes ? 100 * (double)row->bytes / (double)m->rss_bytes : 0;

	line_put(l, row->columns ? row->shade : " ");
	line_pad(l, 2);
	line_put(l, memory_part_name(row->part));
	line_pad(l, 20);
	line_put_right(l, words_bytes(row->bytes, words), 10);
	if (share >= 0.05 || !row->bytes)
		line_printf(l, " %5.1f %%  ", share);
	else
		line_put(l, "  <0.1 %  ");
	line_put(l, words_part(row->part));
	if (row->part == MEMORY_FILE_TEXT || row->part == MEMORY_FILE_DATA)
		put_files(m, row->part, l);
	line_end(l, out);
}

/* --- In words --- */

static void print_beside(const struct memory_ledger *m, struct line *l, FILE *out)
{
	struct flow f = { .line = l, .out = out, .indent = 2, .separator = " \xc2\xb7 " };
	const struct {
		uint64_t bytes;
		const char *what;
	} all[] = {
		{ m->swap_bytes, "in swap" },
		{ m->hugetlb_bytes, "of hugetlbfs" },
		{ m->huge_bytes, "of RSS in huge pages" },
		{ m->lazyfree_bytes, "of RSS the kernel may take back (LazyFree)" },
		{ m->zero_bytes, "read but never written, not in RSS" },
	};
	char words[WORDS_NUMBER];

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		if (all[i].bytes && all[i].bytes != MEMORY_UNKNOWN)
			flow_printf(&f, "%s %s", words_bytes(all[i].bytes, words), all[i].what);
	flow_end(&f);
}

static bool known(uint64_t v)
{
	return v != MEMORY_UNKNOWN;
}

/* "813 MiB of objects in 880 MiB of spans" and what is idle. */
static void print_go_heap(const struct go_memstats *g, struct line *l, FILE *out)
{
	struct flow f = { .line = l, .out = out, .indent = 4, .separator = ", " };
	char words[WORDS_NUMBER], more[WORDS_NUMBER];

	if (!known(g->heap_alloc_bytes) || !known(g->heap_inuse_bytes))
		return;
	flow_printf(&f, "Go heap: %s of objects in %s of spans", words_bytes(g->heap_alloc_bytes,
									     words),
		    words_bytes(g->heap_inuse_bytes, more));
	if (known(g->heap_idle_bytes) && known(g->heap_released_bytes) &&
	    g->heap_released_bytes <= g->heap_idle_bytes)
		flow_printf(&f, "%s idle, of which %s given back",
			    words_bytes(g->heap_idle_bytes, words),
			    words_bytes(g->heap_released_bytes, more));
	flow_end(&f);
}

static void put_goal(const struct go_memstats *g, struct flow *f)
{
	char words[WORDS_NUMBER], more[WORDS_NUMBER];
	uint64_t live = known(g->heap_live_bytes) ? g->heap_live_bytes : g->heap_alloc_bytes;

	if (!known(g->next_gc_bytes))
		return;
	if (g->next_gc_bytes >= INT64_MAX)
		flow_put(f, "Go GC: never due, however much it allocates");
	else if (known(live) && g->next_gc_bytes > live)
		flow_printf(f, "Go GC: next at %s, so %s are headroom",
			    words_bytes(g->next_gc_bytes, words),
			    words_bytes(g->next_gc_bytes - live, more));
	else
		flow_printf(f, "Go GC: due, its goal of %s is reached",
			    words_bytes(g->next_gc_bytes, words));
}

static void put_settings(const struct go_memstats *g, struct flow *f)
{
	char words[WORDS_NUMBER];

	if (g->gogc == -1)
		flow_put(f, "GOGC=off");
	else if (g->gogc != GO_GOGC_UNKNOWN)
		flow_printf(f, "GOGC=%" PRId32, g->gogc);
	if (!known(g->memory_limit_bytes))
		return;
	if (g->memory_limit_bytes >= INT64_MAX)
		flow_put(f, "no GOMEMLIMIT");
	else
		flow_printf(f, "GOMEMLIMIT %s", words_bytes(g->memory_limit_bytes, words));
}

static void print_headroom(const struct go_memstats *g, struct line *l, FILE *out)
{
	struct flow f = { .line = l, .out = out, .indent = 4, .separator = ", " };
	char words[WORDS_NUMBER], age[WORDS_NUMBER];

	put_goal(g, &f);
	put_settings(g, &f);
	if (g->num_gc == 0)
		flow_put(&f, "not collected yet");
	else if (known(g->num_gc) && known(g->last_gc_age_ns) && g->last_gc_age_ns <= INT64_MAX)
		flow_printf(&f, "%s collection%s, the last %s ago", words_count(g->num_gc, words),
			    g->num_gc == 1 ? "" : "s", words_age((int64_t)g->last_gc_age_ns, age));
	else if (known(g->num_gc))
		flow_printf(&f, "%s collections", words_count(g->num_gc, words));
	flow_end(&f);
}

static void print_c(const struct memory_ledger *m, struct line *l, FILE *out)
{
	const struct c_memory *c = m->c;
	uint64_t trimmable = memory_trimmable(m);
	struct flow f = { .line = l, .out = out, .indent = 4, .separator = ", " };
	const char *name = c_allocator_name(c->allocator);
	char words[WORDS_NUMBER];

	if (!c->counted || !name)
		return;
	flow_printf(&f, "C heap: %s%s%s", name, c->version ? " " : "",
		    c->version ? c->version : "");
	flow_printf(&f, "%zu arena%s", c->n_arenas, c->n_arenas == 1 ? "" : "s");
	if (known(c->used_bytes))
		flow_printf(&f, "%s used", words_bytes(c->used_bytes, words));
	if (known(trimmable) && trimmable)
		flow_printf(&f, "up to %s that malloc_trim() would give back",
			    words_bytes(trimmable, words));
	if (known(c->mmapped_bytes) && c->mmapped_bytes)
		flow_printf(&f, "%s in mappings of their own",
			    words_bytes(c->mmapped_bytes, words));
	flow_end(&f);
}

/* RSS moved while its pages were looked at: by more than a hundredth, the parts are blurred. */
static void print_drift(const struct memory_ledger *m, struct line *l, FILE *out)
{
	uint64_t low = m->rss_before < m->rss_after ? m->rss_before : m->rss_after;
	uint64_t high = m->rss_before > m->rss_after ? m->rss_before : m->rss_after;
	char words[WORDS_NUMBER], more[WORDS_NUMBER], span[WORDS_NUMBER], sentence[SENTENCE];

	if (high - low <= m->rss_bytes / 100)
		return;
	snprintf(sentence, sizeof(sentence), "RSS went from %s to %s in the %s that its pages were "
		 "looked at: the parts are as uncertain", words_bytes(m->rss_before, words),
		 words_bytes(m->rss_after, more), words_span(m->span_s, span));
	text_sentence(l, out, 0, "note: ", sentence);
}

void text_ledger(const struct memory_ledger *m, struct line *l, FILE *out)
{
	struct row rows[MEMORY_PARTS];
	size_t n = list_rows(m, rows);
	char words[WORDS_NUMBER];

	share_out(rows, n, m->rss_bytes, l->width);
	fputc('\n', out);
	line_style(l, STYLE_BOLD);
	line_put(l, "MEMORY");
	line_style(l, STYLE_NONE);
	line_printf(l, "  RSS %s", words_bytes(m->rss_bytes, words));
	if (!m->by_page)
		line_put(l, ", by the kernel's sums alone");
	line_end(l, out);
	print_bar(rows, n, l, out);
	for (size_t i = 0; i < n; i++)
		print_row(m, &rows[i], l, out);
	print_beside(m, l, out);
	if (m->go) {
		print_go_heap(m->go, l, out);
		print_headroom(m->go, l, out);
	}
	if (m->c)
		print_c(m, l, out);
	print_drift(m, l, out);
	for (uint32_t i = 0; i < m->n_notes; i++)
		text_sentence(l, out, 0, "note: ", m->notes[i]);
}
