// SPDX-License-Identifier: Apache-2.0
/*
 * runtime/pprof's goroutine profile with debug=1 (pprof.go, printCountProfile and
 * printStackRecord, Go 1.18 to 1.27), and its goroutineleak profile, which looks the same. Two
 * things differ: runtime.goexit is not among the addresses, and frames inlined into one another
 * share an address.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

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

static uint64_t count_all(const struct group *g)
{
	return g->count;
}

static uint64_t count_leaked(const struct group *g)
{
	return g->n_proven + g->n_likely;
}

/* The user groups of whom any counts, merged, most first. `ret_n` records, which the caller frees. */
static int collect(const struct snapshot *s, uint64_t (*count)(const struct group *),
		   struct record **ret, uint32_t *ret_n)
{
	struct record *records = calloc((size_t)s->n_groups + 1, sizeof(*records));
	uint32_t n = 0, merged = 0;

	if (!records)
		return -ENOMEM;
	for (uint32_t i = 0; i < s->n_groups; i++)
		if (!s->groups[i].system && count(&s->groups[i]))
			records[n++] = (struct record){ &s->groups[i], count(&s->groups[i]) };
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
	go_print_addresses(s, out);
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
	go_print_stack(s, out);
}

static int print_profile(const struct snapshot *s, const char *name,
			 uint64_t (*count)(const struct group *), FILE *out)
{
	struct record *records;
	uint64_t total = 0;
	uint32_t n;
	int r = collect(s, count, &records, &n);

	if (r < 0)
		return r;
	for (uint32_t i = 0; i < n; i++)
		total += records[i].count;
	fprintf(out, "%s profile: total %" PRIu64 "\n", name, total);
	for (uint32_t i = 0; i < n && !ferror(out); i++)
		print_record(&records[i], out);
	free(records);
	return ferror(out) ? -EIO : 0;
}

int report_debug1(const struct snapshot *s, FILE *out, const struct report_options *o)
{
	(void)o;
	return print_profile(s, "goroutine", count_all, out);
}

int report_goroutineleak_text(const struct snapshot *s, FILE *out, const struct report_options *o)
{
	(void)o;
	return print_profile(s, "goroutineleak", count_leaked, out);
}
