// SPDX-License-Identifier: Apache-2.0
#include "native/c_ranges.h"

#include <errno.h>
#include <stdlib.h>

#include "model/limits.h"
#include "native/glibc_layout.h"

#define NO_PAGE UINT64_MAX

struct c_ranges {
	struct c_range *all;
	size_t n, size, limit;
	size_t run;		/* where the run of ascending ranges began */
	struct c_page page;
	uint64_t lost, last_end;
	bool by_page;
};

struct c_ranges *c_ranges_new(size_t limit)
{
	struct c_ranges *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->limit = limit ? limit : LIMIT_C_RANGES;
	r->page.at = NO_PAGE;
	return r;
}

void c_ranges_free(struct c_ranges *r)
{
	if (!r)
		return;
	free(r->all);
	free(r);
}

static int grow(struct c_ranges *r)
{
	size_t size = r->size ? r->size * 2 : 256;
	struct c_range *all;

	if (size > r->limit)
		size = r->limit;
	all = realloc(r->all, size * sizeof(*all));
	if (!all)
		return -ENOMEM;
	r->all = all;
	r->size = size;
	return 0;
}

static bool joins(const struct c_range *last, uint64_t start, enum c_range_kind kind)
{
	return last->end == start && last->kind == kind;
}

/* -ENOSPC at the limit. */
static int append(struct c_ranges *r, uint64_t start, uint64_t end, enum c_range_kind kind)
{
	if (r->n > r->run && joins(&r->all[r->n - 1], start, kind)) {
		r->all[r->n - 1].end = end;
		return 0;
	}
	if (r->n == r->limit)
		return -ENOSPC;
	if (r->n == r->size && grow(r) < 0)
		return -ENOMEM;
	r->all[r->n++] = (struct c_range){ start, end, (uint8_t)kind };
	return 0;
}

/* Like append(), but what finds no place is counted. */
static int put(struct c_ranges *r, uint64_t start, uint64_t end, enum c_range_kind kind)
{
	int r2 = append(r, start, end, kind);

	if (r2 != -ENOSPC)
		return r2;
	r->lost += end - start;
	return 0;
}

/* The kind that goes on from the piece before comes first: that makes one piece fewer a page. */
static int end_page(struct c_ranges *r)
{
	struct c_page *p = &r->page;
	uint64_t at = p->start;
	unsigned int first = C_RANGE_USED;

	if (p->at == NO_PAGE)
		return 0;
	if (r->n > r->run && r->all[r->n - 1].end == at)
		first = r->all[r->n - 1].kind;
	for (unsigned int i = 0; i < C_RANGE_KINDS; i++) {
		unsigned int kind = (first + i) % C_RANGE_KINDS;
		int err;

		if (!p->bytes[kind])
			continue;
		err = put(r, at, at + p->bytes[kind], (enum c_range_kind)kind);
		if (err < 0)
			return err;
		at += p->bytes[kind];
	}
	*p = (struct c_page){ .at = NO_PAGE };
	return 0;
}

static int add_to_page(struct c_ranges *r, uint64_t start, uint64_t end, enum c_range_kind kind)
{
	uint64_t at = start & ~(GLIBC_PAGE - 1);

	/* A gap within a page: the sums on its two sides stay apart. */
	if (r->page.at != at || r->page.end != start) {
		int err = end_page(r);

		if (err < 0)
			return err;
		r->page = (struct c_page){ .at = at, .start = start };
	}
	r->page.bytes[kind] += end - start;
	r->page.end = end;
	return 0;
}

static int add_by_page(struct c_ranges *r, uint64_t start, uint64_t end, enum c_range_kind kind)
{
	uint64_t first = (start + GLIBC_PAGE - 1) & ~(GLIBC_PAGE - 1);
	uint64_t last = end & ~(GLIBC_PAGE - 1);
	int err = 0;

	if (first >= last) {
		/* No whole page: within one, or over the border of two. */
		if (first > start && first < end) {
			err = add_to_page(r, start, first, kind);
			start = first;
		}
		return err < 0 ? err : add_to_page(r, start, end, kind);
	}
	if (first > start)
		err = add_to_page(r, start, first, kind);
	if (err == 0)
		err = end_page(r);
	if (err == 0)
		err = put(r, first, last, kind);
	if (err == 0 && end > last)
		err = add_to_page(r, last, end, kind);
	return err;
}

/* Sums what is there by page, in place: there come out no more pieces than went in. */
static int sum_by_page(struct c_ranges *r)
{
	struct c_ranges out = { .all = r->all, .size = r->size, .limit = r->limit,
				.page.at = NO_PAGE, .by_page = true, .lost = r->lost };
	struct c_range *old = malloc(r->n * sizeof(*old));
	uint64_t end = 0;
	int err = 0;

	if (!old)
		return -ENOMEM;
	for (size_t i = 0; i < r->n; i++)
		old[i] = r->all[i];
	for (size_t i = 0; i < r->n && err == 0; i++) {
		/* Each run stays one of its own. */
		if (i == r->run || old[i].start < end) {
			err = end_page(&out);
			out.run = out.n;
		}
		if (err == 0)
			err = add_by_page(&out, old[i].start, old[i].end,
					  (enum c_range_kind)old[i].kind);
		end = old[i].end;
	}
	free(old);
	if (err == 0 && r->run == r->n) {
		err = end_page(&out);
		out.run = out.n;
	}
	out.last_end = r->last_end;
	*r = out;
	return err;
}

int c_ranges_add(struct c_ranges *r, uint64_t start, uint64_t end, enum c_range_kind kind)
{
	int err;

	if (end <= start)
		return 0;
	if (start < r->last_end) {
		r->lost += end - start;
		return 0;
	}
	r->last_end = end;
	if (!r->by_page) {
		err = append(r, start, end, kind);
		if (err != -ENOSPC)
			return err;
		err = sum_by_page(r);
		if (err < 0)
			return err;
	}
	return add_by_page(r, start, end, kind);
}

int c_ranges_flush(struct c_ranges *r)
{
	int err = end_page(r);

	r->run = r->n;
	r->last_end = 0;
	return err;
}

struct c_ranges_mark c_ranges_mark(const struct c_ranges *r)
{
	struct c_ranges_mark m = { .n = r->n, .run = r->run, .page = r->page,
				   .lost = r->lost, .by_page = r->by_page };

	if (r->n)
		m.last = r->all[r->n - 1];
	return m;
}

bool c_ranges_back(struct c_ranges *r, const struct c_ranges_mark *m)
{
	if (r->by_page != m->by_page || m->n > r->n)
		return false;
	r->n = m->n;
	r->run = m->run;
	if (m->n)
		r->all[m->n - 1] = m->last;
	r->page = m->page;
	r->lost = m->lost;
	r->last_end = m->page.at != NO_PAGE ? m->page.end : m->n > r->run ? m->last.end : 0;
	return true;
}

uint64_t c_ranges_lost(const struct c_ranges *r)
{
	return r->lost;
}

bool c_ranges_by_page(const struct c_ranges *r)
{
	return r->by_page;
}

static int by_start(const void *a, const void *b)
{
	const struct c_range *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

int c_ranges_take(struct c_ranges *r, struct arena *a, const struct c_range **ret, size_t *n)
{
	struct c_range *out;
	size_t k = 0;

	if (c_ranges_flush(r) < 0)
		return -ENOMEM;
	if (r->n)
		qsort(r->all, r->n, sizeof(*r->all), by_start);
	out = arena_alloc(a, r->n + 1, sizeof(*out));
	if (!out)
		return -ENOMEM;
	for (size_t i = 0; i < r->n; i++) {
		struct c_range x = r->all[i];

		if (k && x.start < out[k - 1].end)
			x.start = out[k - 1].end;
		if (x.start >= x.end)
			continue;
		if (k && joins(&out[k - 1], x.start, (enum c_range_kind)x.kind))
			out[k - 1].end = x.end;
		else
			out[k++] = x;
	}
	*ret = out;
	*n = k;
	return 0;
}
