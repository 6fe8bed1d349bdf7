// SPDX-License-Identifier: Apache-2.0
#include "analysis/ledger.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Files that are named; the rest of them are one. */
enum { FILES_NAMED = 64 };

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t most(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

void ledger_claim_at(const void *claims, size_t i, struct ledger_claim *ret)
{
	*ret = ((const struct ledger_claim *)claims)[i];
}

/* --- Adding up --- */

static void add_to_file(struct ledger *l, enum memory_part part, uint64_t bytes, bool doubtful)
{
	struct ledger_file *f;

	if (l->mapping->file >= l->n_files)
		return;
	f = &l->files[l->mapping->file];
	if (part == MEMORY_FILE_TEXT)
		f->of.text_bytes += bytes;
	else if (part == MEMORY_FILE_DATA && doubtful)
		f->doubt += bytes;
	else if (part == MEMORY_FILE_DATA)
		f->of.data_bytes += bytes;
}

/* Of pages that are not plainly a file's. */
static bool is_doubtful(const struct ledger *l, const struct page_run *run)
{
	return run->kind == PAGE_DOUBTFUL || run->kind == PAGE_FILE || l->mapping->doubtful;
}

static void add(struct ledger *l, uint8_t part, uint64_t bytes, bool doubtful)
{
	enum memory_part to = part < MEMORY_PARTS ? (enum memory_part)part : MEMORY_UNEXPLAINED;

	/* A program's pages as on disk are neither a device's nor zeroes. */
	if (to == MEMORY_FILE_TEXT)
		doubtful = false;
	if (doubtful)
		l->doubt[to] += bytes;
	else
		l->sure[to] += bytes;
	add_to_file(l, to, bytes, doubtful);
}

/*
 * Pages that were given back and are resident all the same: the kernel has not taken them yet, but
 * for those that came back as a part of a huge page.
 */
static void add_claimed(struct ledger *l, uint8_t part, uint64_t bytes, const struct page_run *run)
{
	if (part == MEMORY_GO_HEAP_LAZYFREE && (run->huge || !l->tells_huge))
		part = MEMORY_GO_HEAP_FREE;
	add(l, part, bytes, is_doubtful(l, run));
}

/* [start, end) is claimed by nobody: how long is the stretch around it that is not either? */
static uint64_t gap_around(const struct ledger *l, uint64_t start, uint64_t end)
{
	uint64_t from = l->mapping->start, to = l->mapping->end;

	for (uint32_t i = 0; i < l->n_layers; i++) {
		const struct ledger_layer *layer = &l->layers[i];
		struct ledger_claim c;

		if (layer->next > 0) {
			layer->at(layer->claims, layer->next - 1, &c);
			from = most(from, least(c.end, start));
		}
		if (layer->next < layer->n) {
			layer->at(layer->claims, layer->next, &c);
			to = least(to, most(c.start, end));
		}
	}
	return to - from;
}

static void add_unclaimed(struct ledger *l, uint64_t start, uint64_t end,
			  const struct page_run *run)
{
	const struct ledger_mapping *m = l->mapping;
	uint8_t part = m->own;

	if (m->gap_bytes && gap_around(l, start, end) >= m->gap_bytes)
		part = m->gap;
	add(l, part, end - start, is_doubtful(l, run));
}

/* From this layer on. Each turn either moves on by a claim or by some bytes. */
static void divide(struct ledger *l, uint32_t layer, uint64_t start, uint64_t end,
		   const struct page_run *run)
{
	struct ledger_layer *in = &l->layers[layer];

	if (layer == l->n_layers) {
		add_unclaimed(l, start, end, run);
		return;
	}
	while (start < end) {
		struct ledger_claim c = { .start = end, .end = end };
		uint64_t stop;

		if (in->next < in->n)
			in->at(in->claims, in->next, &c);
		if (in->next < in->n && c.end <= start) {
			in->next++;
			continue;
		}
		if (c.start > start) {
			stop = least(c.start, end);
			divide(l, layer + 1, start, stop, run);
		} else {
			stop = least(c.end, end);
			add_claimed(l, c.part, stop - start, run);
		}
		start = stop;
	}
}

void ledger_begin(struct ledger *l, const struct ledger_mapping *m)
{
	l->mapping = m;
}

void ledger_pages(struct ledger *l, const struct page_run *run)
{
	const struct ledger_mapping *m = l->mapping;
	uint64_t start = most(run->start, m->start), end = least(run->end, m->end);

	if (start >= end)
		return;
	if (m->apart) {
		l->hugetlb_bytes += end - start;
		return;
	}
	if (run->kind == PAGE_ZERO) {
		l->zero_bytes += end - start;
		return;
	}
	if (run->huge)
		l->huge_bytes += end - start;
	if (run->kind == PAGE_FILE && !m->plain)
		add(l, m->of_file, end - start, m->doubtful);
	else
		divide(l, 0, start, end, run);
}

/* --- The sum --- */

static uint64_t sum(const uint64_t part[MEMORY_PARTS])
{
	uint64_t all = 0;

	for (int i = 0; i < MEMORY_PARTS; i++)
		all += part[i];
	return all;
}

/* Leaves bytes of doubt out, each part by its share; a device's first. */
static void leave_out(struct ledger *l, uint64_t bytes)
{
	uint64_t device = least(bytes, l->doubt[MEMORY_KERNEL_OTHER]), all;

	l->doubt[MEMORY_KERNEL_OTHER] -= device;
	bytes -= device;
	all = sum(l->doubt);
	for (int i = 0; i < MEMORY_PARTS && bytes; i++) {
		double share = (double)l->doubt[i] / (double)all;
		uint64_t cut = least((uint64_t)(share * (double)bytes), l->doubt[i]);

		l->doubt[i] -= cut;
	}
	/* What rounding left over. */
	for (int i = 0; i < MEMORY_PARTS && bytes; i++) {
		uint64_t over = sum(l->doubt) - (all - bytes), cut = least(over, l->doubt[i]);

		l->doubt[i] -= cut;
	}
}

/* What was left out of the files' doubts goes from one after the other. */
static void settle_files(struct ledger *l)
{
	uint64_t left = l->doubt[MEMORY_FILE_DATA];

	for (uint32_t i = 0; i < l->n_files; i++) {
		uint64_t taken = least(left, l->files[i].doubt);

		l->files[i].of.data_bytes += taken;
		left -= taken;
	}
}

static int by_bytes(const void *a, const void *b)
{
	const struct ledger_file *x = a, *y = b;
	uint64_t p = x->of.text_bytes + x->of.data_bytes, q = y->of.text_bytes + y->of.data_bytes;

	if (p != q)
		return p < q ? 1 : -1;
	return x->of.path && y->of.path ? strcmp(x->of.path, y->of.path) : 0;
}

static int list_files(struct ledger *l, struct arena *a, struct memory_ledger *ret)
{
	struct memory_file *files = arena_alloc(a, FILES_NAMED + 1, sizeof(*files));
	uint32_t n = 0;

	if (!files)
		return -ENOMEM;
	if (l->n_files)
		qsort(l->files, l->n_files, sizeof(*l->files), by_bytes);
	for (uint32_t i = 0; i < l->n_files; i++) {
		const struct memory_file *f = &l->files[i].of;

		if (!f->text_bytes && !f->data_bytes)
			break;
		if (n < FILES_NAMED) {
			files[n++] = *f;
			continue;
		}
		files[FILES_NAMED].text_bytes += f->text_bytes;
		files[FILES_NAMED].data_bytes += f->data_bytes;
		n = FILES_NAMED + 1;
	}
	ret->files = files;
	ret->n_files = n;
	return 0;
}

int ledger_end(struct ledger *l, uint64_t rss_before, uint64_t rss_after, struct arena *a,
	       struct memory_ledger *ret)
{
	uint64_t low = least(rss_before, rss_after), high = most(rss_before, rss_after);
	uint64_t all = sum(l->sure) + sum(l->doubt);
	int r;

	if (all > high)
		leave_out(l, least(all - high, sum(l->doubt)));
	settle_files(l);
	r = list_files(l, a, ret);
	if (r < 0)
		return r;
	for (int i = 0; i < MEMORY_PARTS; i++)
		ret->part[i] = l->sure[i] + l->doubt[i];
	ret->rss_bytes = sum(ret->part);
	if (ret->rss_bytes < low) {
		ret->part[MEMORY_UNEXPLAINED] += low - ret->rss_bytes;
		ret->rss_bytes = low;
	}
	ret->rss_before = rss_before;
	ret->rss_after = rss_after;
	ret->by_page = true;
	ret->lazyfree_bytes = MEMORY_UNKNOWN;
	ret->hugetlb_bytes = l->hugetlb_bytes;
	ret->huge_bytes = l->huge_bytes;
	ret->zero_bytes = l->zero_bytes;
	return 0;
}

void ledger_without_pages(uint64_t rss_file, uint64_t rss_shared, uint64_t rss_before,
			  uint64_t rss_after, struct memory_ledger *ret)
{
	for (int i = 0; i < MEMORY_PARTS; i++)
		ret->part[i] = MEMORY_UNKNOWN;
	ret->part[MEMORY_FILE_TEXT] = least(rss_file, rss_after);
	ret->part[MEMORY_SHARED] = least(rss_shared, rss_after - ret->part[MEMORY_FILE_TEXT]);
	ret->part[MEMORY_UNEXPLAINED] = rss_after - ret->part[MEMORY_FILE_TEXT] -
					ret->part[MEMORY_SHARED];
	ret->rss_bytes = rss_after;
	ret->rss_before = rss_before;
	ret->rss_after = rss_after;
	ret->by_page = false;
	ret->hugetlb_bytes = ret->huge_bytes = ret->zero_bytes = MEMORY_UNKNOWN;
	ret->lazyfree_bytes = MEMORY_UNKNOWN;
}
