// SPDX-License-Identifier: Apache-2.0
/*
 * The stacks as one picture: a box is a function, its width the goroutines that are in it, the
 * root at the bottom. Sorted paths need no tree: a box ends where the next path leaves it.
 */
#include "report/flamegraph.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/site.h"
#include "report/html.h"
#include "report/line.h"
#include "report/paths.h"
#include "report/report.h"
#include "report/words.h"

enum {
	WIDTH = 1200,
	MARGIN = 10,
	ROW = 17,
	TOP = 52,		/* title and legend */
	TOP_INLINE = 2,		/* the page has both */
	CHAR_TENTHS = 72,	/* width of a character of the 12 px monospace font, in 1/10 px */
	LEAST_TENTHS = 2,	/* narrower boxes are left out */
};

struct flames {
	const struct snapshot *s;
	FILE *out;
	uint64_t total;
	uint32_t depth;		/* of the deepest path */
	uint64_t *begins;	/* by depth: goroutines to the left of the open box */
	bool part;		/* of a page, and no document of its own */
};

static uint32_t top(const struct flames *f)
{
	return f->part ? TOP_INLINE : TOP;
}

/* Tenths of a pixel that `n` goroutines take, of `total`. */
static uint32_t tenths(uint64_t n, uint64_t total)
{
	return (uint32_t)((double)n / (double)total * (WIDTH - 2 * MARGIN) * 10);
}

/* Warm for the program's own code, blue for the standard library, grey for the runtime. */
static void print_colour(const struct flames *f, const char *function)
{
	unsigned int hash = 0, h;

	for (const char *p = function ? function : ""; *p; p++)
		hash = hash * 31 + (uint8_t)*p;
	h = (hash ^ hash >> 7) % 40;
	if (!function || site_is_runtime(function))
		fprintf(f->out, "hsl(0,0%%,%u%%)", 74 + h / 4);
	else if (site_is_own(function, f->s->process.module))
		fprintf(f->out, "hsl(%u,90%%,%u%%)", 10 + h, 62 + h / 5);
	else
		fprintf(f->out, "hsl(%u,55%%,%u%%)", 195 + h / 2, 70 + h / 5);
}

static void print_box(const struct flames *f, uint32_t depth, const char *name, const char *colour_of,
		      uint64_t begin, uint64_t end)
{
	uint32_t x = tenths(begin, f->total), width = tenths(end, f->total) - x;
	uint32_t y = top(f) + (f->depth - depth) * ROW;
	uint64_t permille = (uint64_t)((double)(end - begin) / (double)f->total * 1000 + 0.5);
	char number[WORDS_NUMBER];

	if (width < LEAST_TENTHS)
		return;
	x += MARGIN * 10;
	if (f->part)
		fprintf(f->out, "<g data-d=\"%u\"><title>", depth);
	else
		fputs("<g><title>", f->out);
	html_escape(name, SIZE_MAX, f->out);
	fprintf(f->out, " (%s goroutines, %" PRIu64 ".%" PRIu64 "%%)</title>",
		words_count(end - begin, number), permille / 10, permille % 10);
	fprintf(f->out, "<rect x=\"%u.%u\" y=\"%u\" width=\"%u.%u\" height=\"%d\" fill=\"", x / 10,
		x % 10, y, width / 10, width % 10, ROW - 1);
	print_colour(f, colour_of);
	fputs("\"/>", f->out);
	if (width > 4 * CHAR_TENTHS) {
		size_t room = (width - 60) / CHAR_TENTHS;

		fprintf(f->out, "<text x=\"%u.%u\" y=\"%u\">", (x + 30) / 10, x % 10, y + 12);
		html_escape(name, room, f->out);
		fputs("</text>", f->out);
	}
	fputs("</g>\n", f->out);
}

static void close_boxes(const struct flames *f, const struct group *g, uint32_t from, uint64_t at)
{
	for (uint32_t i = paths_depth(g); i-- > from;) {
		const struct frame *frame = paths_frame(g, i);
		char pc[32];

		snprintf(pc, sizeof(pc), "0x%" PRIx64, frame->pc);
		print_box(f, i + 1, frame->function ? frame->function : pc, frame->function,
			  f->begins[i], at);
	}
}

static void print_boxes(const struct flames *f, const struct paths *p)
{
	uint64_t at = 0;

	print_box(f, 0, "all", NULL, 0, f->total);
	for (uint32_t i = 0; i < p->n; i++) {
		const struct group *g = p->groups[i];
		uint32_t common = i ? paths_common(p->groups[i - 1], g) : 0;

		if (i)
			close_boxes(f, p->groups[i - 1], common, at);
		for (uint32_t d = common; d < paths_depth(g); d++)
			f->begins[d] = at;
		at += g->count;
	}
	if (p->n)
		close_boxes(f, p->groups[p->n - 1], 0, at);
}

static void print_head(const struct flames *f)
{
	const struct process_info *p = &f->s->process;
	const char *name = p->name ? p->name : "?";
	uint32_t height = TOP + (f->depth + 1) * ROW + MARGIN;
	char number[WORDS_NUMBER];

	fprintf(f->out,
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%u\" "
		"viewBox=\"0 0 %d %u\">\n"
		"<style>text{font:12px monospace;fill:#000}g:hover rect{stroke:#000}"
		"</style>\n<rect width=\"%d\" height=\"%u\" fill=\"#fff\"/>\n<title>",
		WIDTH, height, WIDTH, height, WIDTH, height);
	html_escape(name, 80, f->out);
	fprintf(f->out, ": goroutines by stack</title>\n<text x=\"%d\" y=\"20\">", MARGIN);
	html_escape(name, 80, f->out);
	if (p->pid > 0)
		fprintf(f->out, " pid %d", p->pid);
	fprintf(f->out,
		", %s goroutines by stack</text>\n"
		"<text x=\"%d\" y=\"38\">orange: the program's own code, blue: the standard "
		"library, grey: the runtime; the runtime's own goroutines are left out</text>\n",
		words_count(f->total, number), MARGIN);
}

static void print_part_head(const struct flames *f)
{
	uint32_t height = TOP_INLINE + (f->depth + 1) * ROW + TOP_INLINE;
	char number[WORDS_NUMBER];

	html_printf(f->out, "<svg viewBox=\"0 0 %d %u\" role=\"img\" aria-label=\"Flame graph of "
		    "%s goroutines by stack; the table of groups has the same in words\">\n",
		    WIDTH, height, words_count(f->total, number));
}

static int print_flames(const struct snapshot *s, bool part, FILE *out)
{
	struct flames f = { .s = s, .out = out, .part = part };
	struct paths p;
	int r;

	r = paths_sort(s, &p);
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < p.n; i++) {
		f.total += p.groups[i]->count;
		if (paths_depth(p.groups[i]) > f.depth)
			f.depth = paths_depth(p.groups[i]);
	}
	f.begins = calloc((size_t)f.depth + 1, sizeof(*f.begins));
	if (f.begins) {
		if (part)
			print_part_head(&f);
		else
			print_head(&f);
		if (f.total)
			print_boxes(&f, &p);
		fputs("</svg>\n", out);
		r = ferror(out) ? -EIO : 0;
	} else {
		r = -ENOMEM;
	}
	free(f.begins);
	paths_done(&p);
	return r;
}

int report_flamegraph(const struct snapshot *s, FILE *out, const struct report_options *o)
{
	(void)o;
	return print_flames(s, false, out);
}

int flamegraph_part(const struct snapshot *s, FILE *out)
{
	return print_flames(s, true, out);
}
