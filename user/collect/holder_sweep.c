// SPDX-License-Identifier: Apache-2.0
#include "collect/holder_sweep.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "goruntime/heap.h"

/* What is read at once. */
#define BATCH_BYTES (256u << 10)
#define BATCH_PIECES 64
/*
 * Rounds over what changed while the last one took place. A collection changes all spans: so often
 * only those are read again that have come into being.
 */
#define LATE_ROUNDS 3

/* A span, or a part of one, and how much of it may hold something. */
struct piece {
	const struct go_span *span;
	uint64_t addr;
	uint32_t len, used;
	uint32_t at;		/* in reader.bytes */
};

struct reader {
	struct sweep *s;
	uint8_t *bytes;
	uint32_t used;
	struct piece pieces[BATCH_PIECES];
	struct mem_req reqs[BATCH_PIECES];
	size_t n;
	bool descending;
};

static int look_at(struct sweep *s, const struct piece *p, const uint8_t *bytes)
{
	const struct targets *t = &s->targets;
	uint64_t lo = t->lo, range = t->hi - t->lo;
	int r = 0;

	s->bytes += p->used;
	for (size_t i = 0; i + 8 <= p->used && r == 0; i += 8) {
		uint64_t value;

		memcpy(&value, bytes + i, sizeof(value));
		if (value - lo < range && page_map_get(t->pages, value))
			r = sweep_word(s, p->span, p->addr + i, value);
	}
	return r;
}

static int by_addr(const void *a, const void *b)
{
	uint64_t x = ((const struct piece *)a)->addr, y = ((const struct piece *)b)->addr;

	return x < y ? -1 : x > y;
}

/* Neighbours are read as one: the kernel takes its time over each request. */
static size_t merge(struct reader *b)
{
	size_t n = 0;
	uint32_t at = 0;

	for (size_t i = 0; i < b->n; i++) {
		struct piece *p = &b->pieces[i];
		struct mem_req *last = n ? &b->reqs[n - 1] : NULL;

		p->at = at;
		at += p->len;
		if (last && last->addr + last->len == p->addr)
			last->len += p->len;
		else
			b->reqs[n++] = (struct mem_req){ p->addr, b->bytes + p->at, p->len, 0 };
	}
	return n;
}

/* 0 when all of them were read, 1 when some cannot be. */
static int read_merged(struct reader *b)
{
	size_t n = merge(b);
	int r = mem_read_many(b->s->src->rt->live, b->reqs, n);

	for (size_t i = 0; i < n && r == 0; i++)
		if (b->reqs[i].err < 0)
			r = b->reqs[i].err == -EFAULT ? 1 : b->reqs[i].err;
	return r;
}

static int flush(struct reader *b)
{
	int r, alone;

	if (b->n && b->descending)
		qsort(b->pieces, b->n, sizeof(*b->pieces), by_addr);
	alone = r = b->n ? read_merged(b) : 0;
	for (size_t i = 0; i < b->n && r >= 0; i++) {
		const struct piece *p = &b->pieces[i];

		if (alone)
			r = mem_read(b->s->src->rt->live, p->addr, b->bytes + p->at, p->len);
		if (r == -EFAULT) {
			b->s->unreadable_bytes += p->len;
			r = 0;
		} else if (r >= 0) {
			r = look_at(b->s, p, b->bytes + p->at);
		}
	}
	b->n = 0;
	b->used = 0;
	return r < 0 ? r : 0;
}

/* What lies behind the last object is old, or the collector's. */
static uint64_t object_bytes(const struct go_span *g)
{
	uint64_t bytes = g->n_elems * g->elem_size;

	return g->class && bytes && bytes < g->bytes ? bytes : g->bytes;
}

static int ask(struct reader *b, const struct go_span *span)
{
	uint64_t addr = span->base, bytes = span->bytes, used = object_bytes(span);
	int r = stale_words_note_span(b->s->src->stale, span->base, span->elem_size);

	while (bytes && r == 0) {
		uint32_t len = BATCH_BYTES - b->used;

		if (len > bytes)
			len = (uint32_t)bytes;
		b->pieces[b->n++] = (struct piece){
			.span = span, .addr = addr, .len = len,
			.used = used < len ? (uint32_t)used : len,
		};
		b->used += len;
		addr += len;
		bytes -= len;
		used -= used < len ? used : len;
		if (b->used == BATCH_BYTES || b->n == BATCH_PIECES)
			r = flush(b);
	}
	return r;
}

static bool holds_pointers(const struct go_span *g)
{
	return g->state == GO_SPAN_IN_USE && !g->noscan;
}

/* The same objects may lie there. */
static bool alike(const struct go_span *a, const struct go_span *b)
{
	return a->base == b->base && a->bytes == b->bytes && a->elem_size == b->elem_size &&
	       holds_pointers(a) == holds_pointers(b);
}

/* Nothing was allocated there, and nothing was swept. */
static bool same(const struct go_span *a, const struct go_span *b)
{
	return alike(a, b) && a->alloc_bits == b->alloc_bits && a->free_index == b->free_index &&
	       a->alloc_count == b->alloc_count;
}

struct spans {
	struct arena *arena;
	const struct go_span *all;
	size_t n;
	bool whole;		/* none is missing */
};

static int read_spans(struct sweep *s, struct spans *ret, struct diag *d)
{
	const struct go_heap_dropped *lost;
	struct go_heap *h;
	int r;

	ret->arena = arena_new();
	if (!ret->arena)
		return -ENOMEM;
	r = go_heap_open(s->src->rt, ret->arena, &h, d);
	if (r == 0)
		r = go_heap_spans(h, &ret->all, &ret->n, d);
	if (r < 0)
		return r;
	lost = go_heap_dropped(h);
	ret->whole = lost->unreadable + lost->absurd + lost->overlapping + lost->beyond ==
		     lost->settled;
	return 0;
}

/* In a circle that begins somewhere else each time, and goes the other way every other time. */
static int sweep_all(struct reader *b, const struct spans *now)
{
	uint64_t seed = b->s->src->seed;
	size_t from = now->n ? (size_t)(seed / 2 % now->n) : 0;
	int r = 0;

	/* Batch by batch, that is: those are read as they lie. */
	b->descending = seed % 2 == 0;
	for (size_t i = 0; i < now->n && r == 0; i++) {
		size_t k = (seed % 2 ? from + i : from + now->n - i) % now->n;

		if (holds_pointers(&now->all[k]))
			r = ask(b, &now->all[k]);
	}
	return r < 0 ? r : flush(b);
}

/* Spans that are not as they were, or of these those that are new; both lists ascend. */
static int sweep_changed(struct reader *b, const struct spans *was, const struct spans *now,
			 bool new_alone, uint64_t *changed)
{
	size_t old = 0;
	int r = 0;

	*changed = 0;
	for (size_t i = 0; i < now->n && r == 0; i++) {
		const struct go_span *g = &now->all[i];

		bool is_new;

		while (old < was->n && was->all[old].base < g->base)
			old++;
		is_new = old == was->n || !alike(&was->all[old], g);
		if (!holds_pointers(g) || (!is_new && (new_alone || same(&was->all[old], g))))
			continue;
		*changed += g->bytes;
		b->s->fresh_bytes += is_new ? g->bytes : 0;
		r = ask(b, g);
	}
	return r < 0 ? r : flush(b);
}

static int sweep_rounds(struct reader *b, struct spans *was, struct diag *d)
{
	uint64_t changed = UINT64_MAX;
	int r = read_spans(b->s, was, d);

	if (r == 0)
		r = sweep_all(b, was);
	for (int round = 0; round < LATE_ROUNDS && changed && r == 0; round++) {
		struct spans now = { 0 };

		r = read_spans(b->s, &now, d);
		if (r == 0)
			r = sweep_changed(b, was, &now, round > 0, &changed);
		arena_free(was->arena);
		*was = now;
		b->s->late_bytes += changed;
	}
	if (!was->whole)
		b->s->why_not = "some of the heap's spans change too fast to be read";
	return r;
}

int sweep_heap(struct sweep *s, struct diag *d)
{
	struct reader *b = calloc(1, sizeof(*b));
	struct spans was = { 0 };
	int r = b ? 0 : -ENOMEM;

	if (b) {
		b->s = s;
		b->bytes = malloc(BATCH_BYTES);
		r = b->bytes ? sweep_rounds(b, &was, d) : -ENOMEM;
		free(b->bytes);
	}
	arena_free(was.arena);
	free(b);
	return r;
}
