// SPDX-License-Identifier: Apache-2.0
/*
 * runtime/pprof's goroutine profile with debug=1 (pprof.go, printCountProfile and
 * printStackRecord, Go 1.18 to 1.27). Its lines go through text/tabwriter with a tab width of 8.
 * Two things differ: runtime.goexit is not among the addresses, and frames inlined into one
 * another share an address.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/site.h"
#include "report/go_text.h"
#include "report/line.h"
#include "report/report.h"

/* Groups that the profile cannot tell apart: equal in addresses and labels. */
struct record {
	const struct group *group;
	uint64_t count;
};

static int compare_u64(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int compare_labels(const struct group *a, const struct group *b)
{
	int r = compare_u64(a->n_labels, b->n_labels);

	for (uint32_t i = 0; !r && i < a->n_labels; i++) {
		r = strcmp(a->labels[i].key, b->labels[i].key);
		if (!r)
			r = strcmp(a->labels[i].value, b->labels[i].value);
	}
	return r;
}

static int compare_keys(const struct group *a, const struct group *b)
{
	uint32_t n = a->stack.n < b->stack.n ? a->stack.n : b->stack.n;
	int r = 0;

	for (uint32_t i = 0; !r && i < n; i++)
		r = compare_u64(a->stack.frames[i].pc, b->stack.frames[i].pc);
	if (!r)
		r = compare_u64(a->stack.n, b->stack.n);
	return r ? r : compare_labels(a, b);
}

static int by_key(const void *a, const void *b)
{
	const struct record *x = a, *y = b;

	return compare_keys(x->group, y->group);
}

static int by_count(const void *a, const void *b)
{
	const struct record *x = a, *y = b;
	int r = compare_u64(y->count, x->count);

	return r ? r : compare_keys(x->group, y->group);
}

/* The user groups, merged, most first. `ret_n` records, which the caller frees. */
static int collect(const struct snapshot *s, struct record **ret, uint32_t *ret_n)
{
	struct record *records = calloc((size_t)s->n_groups + 1, sizeof(*records));
	uint32_t n = 0, merged = 0;

	if (!records)
		return -ENOMEM;
	for (uint32_t i = 0; i < s->n_groups; i++)
		if (!s->groups[i].system)
			records[n++] = (struct record){ &s->groups[i], s->groups[i].count };
	qsort(records, n, sizeof(*records), by_key);
	for (uint32_t i = 0; i < n; i++) {
		if (merged && by_key(&records[merged - 1], &records[i]) == 0)
			records[merged - 1].count += records[i].count;
		else
			records[merged++] = records[i];
	}
	qsort(records, merged, sizeof(*records), by_count);
	*ret = records;
	*ret_n = merged;
	return 0;
}

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

static void print_stack(const struct stack *s, FILE *out)
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

static void print_labels(const struct group *g, FILE *out)
{
	if (g->n_labels == 0)
		return;
	fputs("# labels: {", out);
	for (uint32_t i = 0; i < g->n_labels; i++) {
		fputs(i ? ", " : "", out);
		go_quote(g->labels[i].key, out);
		fputc(':', out);
		go_quote(g->labels[i].value, out);
	}
	fputs("}\n", out);
}

static void print_record(const struct record *r, FILE *out)
{
	const struct stack *s = &r->group->stack;

	fprintf(out, "%" PRIu64 " @", r->count);
	for (uint32_t i = 0; i < s->n; i++)
		if (go_frame_is_physical(s, i))
			fprintf(out, " 0x%" PRIx64, s->frames[i].pc);
	/* Parsers want an address: of a goroutine that runs right now none is known. */
	if (s->n == 0)
		fputs(" 0x0", out);
	fputc('\n', out);
	print_labels(r->group, out);
	if (s->n == 0 && r->group->no_stack) {
		fputs("# ", out);
		text_print(r->group->no_stack, out);
		fputc('\n', out);
	}
	print_stack(s, out);
}

int report_debug1(const struct snapshot *s, FILE *out, const struct report_options *o)
{
	struct record *records;
	uint64_t total = 0;
	uint32_t n;
	int r;

	(void)o;
	r = collect(s, &records, &n);
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < n; i++)
		total += records[i].count;
	fprintf(out, "goroutine profile: total %" PRIu64 "\n", total);
	for (uint32_t i = 0; i < n && !ferror(out); i++)
		print_record(&records[i], out);
	free(records);
	return ferror(out) ? -EIO : 0;
}
