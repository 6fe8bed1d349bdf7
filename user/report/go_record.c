// SPDX-License-Identifier: Apache-2.0
/*
 * A stack as runtime/pprof's text forms have it (printStackRecord). Its lines go through
 * text/tabwriter with a tab width of 8.
 */
#include <inttypes.h>

#include "analysis/site.h"
#include "report/go_text.h"
#include "report/line.h"

static size_t hex_width(uint64_t v)
{
	size_t n = 3;	/* "0x" and a digit */

	while (v >>= 4)
		n++;
	return n;
}

/* Of the name and "+0x1d", in characters, as tabwriter counts. */
static size_t name_width(const struct frame *f)
{
	return text_length(f->function) + 1 + hex_width(go_call_pc(f) - f->entry);
}

/* tabwriter's writePadding: to the column's width, a cell and one blank at least, in tabs. */
static void print_tabs(size_t column, size_t cell, FILE *out)
{
	size_t end = (column + 1 + 7) / 8 * 8;

	for (size_t tabs = (end - cell + 7) / 8; tabs; tabs--)
		fputc('\t', out);
}

static void print_named(const struct frame *frames, uint32_t n, FILE *out)
{
	size_t pcs = 0, names = 0;

	for (uint32_t i = 0; i < n; i++) {
		size_t pc = hex_width(go_call_pc(&frames[i])), name = name_width(&frames[i]);

		pcs = pc > pcs ? pc : pcs;
		names = name > names ? name : names;
	}
	for (uint32_t i = 0; i < n; i++) {
		const struct frame *f = &frames[i];

		fprintf(out, "#\t0x%" PRIx64, go_call_pc(f));
		print_tabs(pcs, hex_width(go_call_pc(f)), out);
		text_print(f->function, out);
		fprintf(out, "+0x%" PRIx64, go_call_pc(f) - f->entry);
		print_tabs(names, name_width(f), out);
		text_print(f->file ? f->file : "?", out);
		fprintf(out, ":%" PRIu32 "\n", f->line);
	}
}

void go_print_stack(const struct stack *s, FILE *out)
{
	uint32_t first = 0, n;

	/* The runtime's frames at the inner end are hidden, unless there are no others. */
	while (first < s->n && site_is_runtime(s->frames[first].function))
		first++;
	if (first == s->n)
		first = 0;
	/* Lines without a name end a block: the others' columns are aligned up to there. */
	for (uint32_t i = first; i < s->n; i += n) {
		for (n = 0; i + n < s->n && s->frames[i + n].function; n++)
			;
		print_named(&s->frames[i], n, out);
		if (n)
			continue;
		fprintf(out, "#\t0x%" PRIx64 "\n", go_call_pc(&s->frames[i]));
		n = 1;
	}
	fputc('\n', out);
}

void go_print_addresses(const struct stack *s, FILE *out)
{
	for (uint32_t i = 0; i < s->n; i++)
		if (go_frame_is_physical(s, i))
			fprintf(out, " 0x%" PRIx64, s->frames[i].pc);
}
