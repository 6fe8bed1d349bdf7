// SPDX-License-Identifier: Apache-2.0
#include "native/glibc_tally.h"

#include <errno.h>

#include "native/glibc_layout.h"

static void add(struct glibc_tally *t, uint64_t start, uint64_t end, enum c_range_kind kind)
{
	if (c_ranges_add(t->out, start, end, kind) < 0)
		t->failed = true;
}

/*
 * mtrim() in malloc/malloc.c: whole pages after what a free chunk needs for itself, of chunks that
 * malloc_consolidate() has joined.
 */
static void close_free(struct glibc_tally *t)
{
	uint64_t aligned = (t->free_start + CHUNK_STRUCT_BYTES + GLIBC_PAGE - 1) &
			   ~(GLIBC_PAGE - 1);
	uint64_t size = t->free_end - t->free_start, whole = 0;

	if (!size)
		return;
	if (t->free_end > aligned)
		whole = (t->free_end - aligned) & ~(GLIBC_PAGE - 1);
	t->sum->trimmable_bytes += whole;
	t->sum->fragmented_bytes += size - whole;
	if (size > t->sum->largest_free_bytes)
		t->sum->largest_free_bytes = size;
	t->free_start = t->free_end = 0;
}

void glibc_tally_used(struct glibc_tally *t, uint64_t start, uint64_t end)
{
	close_free(t);
	t->sum->used_bytes += end - start;
	add(t, start, end, C_RANGE_USED);
}

void glibc_tally_free(struct glibc_tally *t, uint64_t start, uint64_t end, bool fastbin)
{
	if (t->free_end != start)
		close_free(t);
	if (!t->free_end)
		t->free_start = start;
	t->free_end = end;
	if (fastbin) {
		t->sum->fastbin_bytes += end - start;
		t->sum->fastbin_chunks++;
	} else {
		t->sum->free_bytes += end - start;
		t->sum->free_chunks++;
	}
	add(t, start, end, C_RANGE_FREE);
}

void glibc_tally_unknown(struct glibc_tally *t, uint64_t start, uint64_t end)
{
	close_free(t);
	t->sum->unknown_bytes += end - start;
	add(t, start, end, C_RANGE_UNKNOWN);
}

/* systrim() in malloc/malloc.c, without a pad; heaps of threads are cut by free() alone. */
void glibc_tally_top(struct glibc_tally *t, uint64_t start, uint64_t end)
{
	close_free(t);
	t->sum->top_bytes += end - start;
	if (t->sum->is_main && end - start > CHUNK_MIN + 1)
		t->sum->trimmable_bytes += (end - start - CHUNK_MIN - 1) & ~(GLIBC_PAGE - 1);
	add(t, start, end, C_RANGE_TOP);
}

int glibc_tally_end(struct glibc_tally *t)
{
	close_free(t);
	if (c_ranges_flush(t->out) < 0)
		t->failed = true;
	return t->failed ? -ENOMEM : 0;
}
