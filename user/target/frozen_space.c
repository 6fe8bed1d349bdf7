// SPDX-License-Identifier: Apache-2.0
/* The copy as an address space, and what was asked of it in vain. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "target/frozen_state.h"
#include "target/mem_live.h"

#define HUGE_PAGE (2ull << 20)
#define GIVEN_BACK (8ull << 20)
#define GIVEN_BACK_MIN (32ull << 10)

struct frozen_mem {
	struct mem mem;
	struct mem_frozen *f;
	struct mem *live;
	const struct frozen_range *constant;
	size_t n_constant;
	const struct piece *last;	/* where the last read was: the next is near */
};

static bool lies_in(const struct frozen_range *ranges, size_t n, uint64_t addr, size_t len)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (ranges[mid].end > addr)
			high = mid;
		else
			low = mid + 1;
	}
	return low < n && ranges[low].start <= addr && len <= ranges[low].end - addr;
}

static bool is_absent(const struct mem_frozen *f, uint64_t at, uint64_t len)
{
	for (uint64_t page = at / FROZEN_PAGE; page <= (at + len - 1) / FROZEN_PAGE; page++)
		if (f->absent[page / 64] >> (page % 64) & 1)
			return true;
	return false;
}

/* How much from addr on the copy has; 0 nothing. */
static size_t read_some(struct frozen_mem *m, uint64_t addr, void *buf, size_t len)
{
	const struct mem_frozen *f = m->f;
	const struct piece *p = m->last;
	uint64_t at;

	if (!p || addr < p->start || addr >= p->end) {
		p = frozen_pieces_behind(&f->index, addr);
		if (p == f->index.all + f->index.n || p->start > addr)
			return 0;
		m->last = p;
	}
	if (len > p->end - addr)
		len = p->end - addr;
	at = p->at + (addr - p->start);
	if (is_absent(f, at, len))
		return 0;
	memcpy(buf, f->buffer + at, len);
	return len;
}

static int frozen_read(struct mem *mem, uint64_t addr, void *buf, size_t len)
{
	struct frozen_mem *m = (struct frozen_mem *)mem;
	uint64_t expected = 0;
	size_t done = 0, got = 1;

	while (done < len && got) {
		got = read_some(m, addr + done, (uint8_t *)buf + done, len - done);
		done += got;
	}
	if (done == len)
		return 0;
	if (lies_in(m->constant, m->n_constant, addr, len) &&
	    mem_read(m->live, addr, buf, len) == 0)
		return 0;
	if (lies_in(m->f->without, m->f->n_without, addr + done, 1))
		return -EFAULT;
	/* The first one's address is for people: a race for it is no matter. */
	if (atomic_fetch_add(&m->f->misses, 1) == 0)
		atomic_compare_exchange_strong(&m->f->first_miss, &expected, addr + done);
	return -EFAULT;
}

/*
 * Of the buffer, in huge pages as long as there are enough of them: the rest of the last may follow.
 * A few pages are not worth the call.
 */
static void give_back(struct mem_frozen *f, bool all)
{
	uint64_t to = all ? f->forget_to : f->forget_to & ~(HUGE_PAGE - 1);

	if (to < f->forget_from + (all ? GIVEN_BACK_MIN : GIVEN_BACK))
		return;
	madvise(f->buffer + f->forget_from, to - f->forget_from, MADV_DONTNEED);
	f->forget_from = to;
}

static void forget_pages(struct mem_frozen *f, uint64_t from, uint64_t to)
{
	from = (from + FROZEN_PAGE - 1) & ~(uint64_t)(FROZEN_PAGE - 1);
	to &= ~(uint64_t)(FROZEN_PAGE - 1);
	for (uint64_t page = from / FROZEN_PAGE; page < to / FROZEN_PAGE; page++)
		atomic_fetch_or_explicit(&f->absent[page / 64], 1ull << (page % 64),
					 memory_order_relaxed);
	if (from >= to)
		return;
	if (from != f->forget_to) {
		give_back(f, true);
		f->forget_from = from;
	}
	f->forget_to = to;
	give_back(f, false);
}

static void frozen_forget(struct mem *mem, uint64_t start, uint64_t end)
{
	struct mem_frozen *f = ((struct frozen_mem *)mem)->f;
	const struct piece *p = frozen_pieces_behind(&f->index, start);

	for (; p < f->index.all + f->index.n && p->start < end; p++) {
		uint64_t from = start > p->start ? start : p->start;
		uint64_t to = end < p->end ? end : p->end;

		forget_pages(f, p->at + (from - p->start), p->at + (to - p->start));
	}
}

static int frozen_clone(struct mem *mem, struct mem **ret)
{
	struct frozen_mem *m = (struct frozen_mem *)mem;

	return mem_frozen_mem(m->f, m->constant, m->n_constant, ret);
}

static void frozen_close(struct mem *mem)
{
	struct frozen_mem *m = (struct frozen_mem *)mem;

	mem_close(m->live);
	free(m);
}

static const struct mem_ops frozen_ops = {
	.read = frozen_read,
	.clone = frozen_clone,
	.forget = frozen_forget,
	.close = frozen_close,
};

int mem_frozen_mem(struct mem_frozen *f, const struct frozen_range *constant, size_t n_constant,
		   struct mem **ret)
{
	struct frozen_mem *m = calloc(1, sizeof(*m));
	int r;

	if (!m)
		return -ENOMEM;
	m->mem.ops = &frozen_ops;
	m->f = f;
	m->constant = constant;
	m->n_constant = n_constant;
	r = mem_live_open(f->p, &m->live);
	if (r < 0) {
		free(m);
		return r;
	}
	*ret = &m->mem;
	return 0;
}

void mem_frozen_do_without(struct mem_frozen *f, const struct frozen_range *ranges, size_t n)
{
	f->without = ranges;
	f->n_without = n;
}

uint64_t mem_frozen_misses(const struct mem_frozen *f, uint64_t *first)
{
	*first = atomic_load(&f->first_miss);
	return atomic_load(&f->misses);
}

void mem_frozen_forget_misses(struct mem_frozen *f)
{
	atomic_store(&f->misses, 0);
	atomic_store(&f->first_miss, 0);
}
