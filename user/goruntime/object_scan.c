// SPDX-License-Identifier: Apache-2.0
#include "goruntime/object_scan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bulk.h"

/* What is read at once: spans side by side, or a piece of a large object. */
#define BATCH_BYTES (256u << 10)
#define BATCH_SPANS 512
#define BLOCK_WORDS 64
#define BLOCK_BYTES (BLOCK_WORDS * 8u)
/* Two bits a word of the batch at most, and one bit a block. */
#define BITMAP_BYTES (BATCH_BYTES / 32)
#define NO_MORE_BYTES (BATCH_BYTES / BLOCK_BYTES / 8)
/* A batch's spans, their bits and their "no more", each cut in two by the end of an arena. */
#define BATCH_REQS (BATCH_SPANS * 6)

/* runtime/malloc.go: arenaBaseOffset of amd64. Arenas are numbered from the lowest address. */
#define ARENA_OFFSET (1ull << 47)

/* A span, or a piece of one, that lies at `at` of the batch. */
struct piece {
	uint32_t span;
	uint32_t at, len;
	uint64_t off;		/* in the span */
	bool bad;		/* could not be read */
};

struct scanner {
	struct go_runtime *rt;
	const struct object_graph_source *src;
	struct object_graph *g;
	struct diag *d;
	enum pointer_form form;
	uint8_t *bytes, *bitmap, *no_more;
	struct mem_req reqs[BATCH_REQS];
	size_t n_reqs;
	struct piece pieces[BATCH_SPANS];
	size_t n_pieces;
	uint32_t used;		/* of bytes */
	uint64_t mask[BATCH_BYTES / BLOCK_BYTES];	/* of one piece */
	bool ended;		/* of the large object that is being read */
	uint32_t node;		/* g->first is filled up to this one */
};

static const struct type_mask all_words = { 1, 1, NULL };

/* --- Edges --- */

/* Each word of what is read may be a pointer: what none turns out to be is never touched. */
static int make_room(struct scanner *s)
{
	uint64_t left = (s->src->max_bytes - s->g->bytes) / sizeof(*s->g->to), words = BLOCK_WORDS;

	for (size_t i = 0; i < s->src->n_spans; i++)
		if (s->g->spans[i].n && !s->src->spans[i].noscan)
			words += s->src->spans[i].bytes / 8;
	s->g->room = words < left ? words : left;
	if (s->g->room > UINT32_MAX)
		s->g->room = UINT32_MAX;
	s->g->to = bulk_alloc(s->g->room * sizeof(*s->g->to));
	return s->g->to ? 0 : -ENOMEM;
}

static int no_room(struct scanner *s)
{
	return diag_fail(s->d, -E2BIG,
			 "the heap has more than %llu pointers: to look at them would take "
			 "more than %llu MiB of memory",
			 (unsigned long long)s->g->n_edges,
			 (unsigned long long)(s->src->max_bytes >> 20));
}

/* Edges that follow are those of `node`. */
static void begin_node(struct scanner *s, uint32_t node)
{
	while (s->node <= node)
		s->g->first[s->node++] = (uint32_t)s->g->n_edges;
}

static void add_edge(struct scanner *s, uint32_t from, uint64_t addr)
{
	uint32_t at = page_map_get(s->g->pages, addr), to;

	if (!at)
		return;
	to = object_span_find(&s->g->spans[at - 1], addr);
	if (to == EDGES_NO_NODE || to == from)
		return;
	/* Slices of one array, and strings of one text, often follow each other. */
	if (s->g->n_edges > s->g->first[from] && s->g->to[s->g->n_edges - 1] == to)
		return;
	s->g->to[s->g->n_edges++] = to;
}

/* Follows the words of a piece that its mask names. */
static int follow(struct scanner *s, const struct piece *p)
{
	const struct object_span *o = &s->g->spans[p->span];
	const uint8_t *bytes = s->bytes + p->at;
	uint64_t elem_words = o->elem_size / 8;
	uint32_t node = o->first + (uint32_t)(p->off / o->elem_size);
	uint64_t next = (p->off / o->elem_size + 1) * elem_words - p->off / 8;

	begin_node(s, node);
	for (size_t block = 0; block < (p->len + BLOCK_BYTES - 1) / BLOCK_BYTES; block++) {
		uint64_t bits = s->mask[block];

		if (bits && s->g->room - s->g->n_edges < BLOCK_WORDS)
			return no_room(s);
		for (; bits; bits &= bits - 1) {
			size_t word = block * BLOCK_WORDS + (size_t)__builtin_ctzll(bits);
			uint64_t value;

			while (word >= next) {
				begin_node(s, ++node);
				next += elem_words;
			}
			memcpy(&value, bytes + word * 8, sizeof(value));
			if (value)
				add_edge(s, node, value);
		}
	}
	return 0;
}

/* --- Masks --- */

/* Objects of 513 bytes and more that share a span: the type stands in front of each. */
static void mask_by_headers(struct scanner *s, const struct piece *p)
{
	const struct object_span *o = &s->g->spans[p->span];
	size_t elem_words = o->elem_size / 8;
	struct span bytes = span_of(s->bytes + p->at, p->len);

	for (size_t at = 0; at + elem_words <= p->len / 8; at += elem_words) {
		uint64_t type = span_u64(&bytes, at * 8);
		const struct type_mask *t;

		if (!type)
			continue;	/* never allocated */
		t = type_masks_get(s->g->types, type, o->elem_size - 8);
		if (!t) {
			s->g->untyped_objects++;
			t = &all_words;
		}
		pointers_from_type(t, 0, elem_words - 1, s->mask, at + 1);
	}
}

static void mask_by_large_type(struct scanner *s, const struct piece *p)
{
	const struct go_span *span = &s->src->spans[p->span];
	const struct type_mask *t = type_masks_get(s->g->types, span->large_type, span->elem_size);

	if (!t) {
		s->g->untyped_objects += p->off == 0;
		t = &all_words;
	}
	pointers_from_type(t, p->off / 8, p->len / 8, s->mask, 0);
}

static void make_mask(struct scanner *s, const struct piece *p)
{
	const struct object_span *o = &s->g->spans[p->span];
	size_t blocks = (p->len + BLOCK_BYTES - 1) / BLOCK_BYTES, words = blocks * BLOCK_WORDS;
	uint64_t objects = o->n * o->elem_size - p->off;
	size_t share = pointers_bitmap_bytes(s->form, words);
	struct span bitmap = span_of(s->bitmap + pointers_bitmap_bytes(s->form, p->at / 8), share);
	struct span no_more = span_of(s->no_more + p->at / BLOCK_BYTES / 8, (blocks + 7) / 8);

	memset(s->mask, 0, blocks * sizeof(*s->mask));
	if (s->form == POINTERS_PAIRS)
		pointers_from_pairs(bitmap, o->elem_size / 8, words, s->mask, &s->ended);
	else if (s->form == POINTERS_BITS)
		pointers_from_bits(bitmap, no_more, o->elem_size / 8, words, s->mask, &s->ended);
	else if (o->elem_size <= SMALL_OBJECT)
		pointers_from_span(span_of(s->bytes + p->at, p->len),
				   s->g->inline_marks && o->elem_size >= MARKED_FROM, s->mask);
	else if (s->src->spans[p->span].class == 0)
		mask_by_large_type(s, p);
	else
		mask_by_headers(s, p);
	pointers_cut(s->mask, words, objects < p->len ? objects / 8 : p->len / 8);
}

/*
 * A slot that was free when the spans were listed, and is free now that it has been read, holds what was
 * there before: nothing follows from it. What a span gives away until its next sweep, which makes new
 * bits for it, are its free slots in their order (mcache.nextFree(), runtime/malloc.go).
 */
static void leave_out_free(struct scanner *s, const struct piece *p)
{
	const struct go_span *span = &s->src->spans[p->span];
	size_t words = span->elem_size / 8;
	struct go_slots now;

	if (!s->src->heap || !span->class || span->alloc_count >= span->n_elems ||
	    !go_heap_slots_now(s->src->heap, span, &now) ||
	    now.span.alloc_bits != span->alloc_bits || now.span.free_index < span->free_index)
		return;
	for (uint32_t i = now.span.free_index; i < span->n_elems; i++)
		if (go_heap_slots_free(&now, span->base + i * span->elem_size))
			pointers_clear(s->mask, i * words, (i + 1) * words);
}

/* --- Reading --- */

static void ask(struct scanner *s, uint64_t addr, void *buf, size_t len)
{
	struct mem_req *last = s->n_reqs ? &s->reqs[s->n_reqs - 1] : NULL;

	if (last && last->addr + last->len == addr && (uint8_t *)last->buf + last->len == buf)
		last->len += (uint32_t)len;
	else
		s->reqs[s->n_reqs++] = (struct mem_req){ addr, buf, (uint32_t)len, 0 };
}

/* The record of the arena that addr lies in; 0 none. */
static uint64_t arena_record(struct scanner *s, uint64_t addr)
{
	uint64_t record;

	if (mem_read_u64(s->rt->chase, s->src->arenas + ((addr + ARENA_OFFSET) >> ARENA_BITS) * 8,
			 &record) < 0)
		return 0;
	return record;
}

/* The bits of a piece, arena by arena. */
static void ask_bitmap(struct scanner *s, struct piece *p)
{
	uint64_t start = s->src->spans[p->span].base + p->off, end = start + p->len;
	uint32_t at = p->at;

	while (start < end) {
		uint64_t stop = (start | (ARENA_BYTES - 1)) + 1;
		uint64_t record = arena_record(s, start), word = start % ARENA_BYTES / 8;
		size_t words;

		if (stop > end)
			stop = end;
		words = (stop - start) / 8;
		if (!record) {
			p->bad = true;
			return;
		}
		ask(s, record + pointers_bitmap_at(s->form, word),
		    s->bitmap + pointers_bitmap_bytes(s->form, at / 8),
		    pointers_bitmap_bytes(s->form, words));
		if (s->form == POINTERS_BITS)
			ask(s, record + pointers_no_more_at(word), s->no_more + at / BLOCK_BYTES / 8,
			    (words + BLOCK_WORDS * 8 - 1) / (BLOCK_WORDS * 8));
		at += (uint32_t)(stop - start);
		start = stop;
	}
}

/* Reads everything that was asked for; what one hole spoilt, piece by piece. */
static int read_pieces(struct scanner *s)
{
	bool whole = true;
	int r;

	s->n_reqs = 0;
	for (size_t i = 0; i < s->n_pieces; i++) {
		const struct piece *p = &s->pieces[i];

		ask(s, s->src->spans[p->span].base + p->off, s->bytes + p->at, p->len);
	}
	for (size_t i = 0; i < s->n_pieces && s->form != POINTERS_TYPES; i++)
		ask_bitmap(s, &s->pieces[i]);
	r = mem_read_many(s->rt->live, s->reqs, s->n_reqs);
	if (r < 0)
		return r;
	for (size_t i = 0; i < s->n_reqs; i++)
		whole = whole && s->reqs[i].err == 0;
	for (size_t i = 0; i < s->n_pieces && !whole; i++) {
		struct piece *p = &s->pieces[i];

		s->n_reqs = 0;
		ask(s, s->src->spans[p->span].base + p->off, s->bytes + p->at, p->len);
		if (s->form != POINTERS_TYPES)
			ask_bitmap(s, p);
		r = mem_read_many(s->rt->live, s->reqs, s->n_reqs);
		if (r < 0)
			return r;
		for (size_t k = 0; k < s->n_reqs; k++)
			p->bad = p->bad || s->reqs[k].err < 0;
	}
	return 0;
}

/* Reads what the batch holds and follows it. */
static int flush(struct scanner *s)
{
	int r = s->n_pieces ? read_pieces(s) : 0;

	for (size_t i = 0; i < s->n_pieces && r == 0; i++) {
		const struct piece *p = &s->pieces[i];

		if (p->bad) {
			s->g->unreadable_bytes += p->len;
			continue;
		}
		if (p->off == 0)
			s->ended = false;
		make_mask(s, p);
		leave_out_free(s, p);
		r = follow(s, p);
	}
	for (size_t i = 0; i < s->n_pieces && s->src->last; i++) {
		uint64_t at = s->src->spans[s->pieces[i].span].base + s->pieces[i].off;

		mem_forget(s->rt->live, at, at + s->pieces[i].len);
	}
	s->n_pieces = 0;
	s->used = 0;
	return r;
}

static int add_piece(struct scanner *s, uint32_t span, uint64_t off, uint32_t len)
{
	uint32_t room = (len + 4095) / 4096 * 4096;

	if (s->n_pieces == BATCH_SPANS || room > BATCH_BYTES - s->used) {
		int r = flush(s);

		if (r < 0)
			return r;
	}
	s->pieces[s->n_pieces++] = (struct piece){ .span = span, .at = s->used, .len = len, .off = off };
	s->used += room;
	return 0;
}

static int add_span(struct scanner *s, uint32_t at)
{
	const struct object_span *o = &s->g->spans[at];
	uint64_t bytes = s->src->spans[at].bytes;
	int r = 0;

	if (!o->n || s->src->spans[at].noscan)
		return 0;
	/* Objects that share a span are masked together; no runtime makes such a span larger. */
	if (o->n > 1 && bytes > BATCH_BYTES) {
		s->g->unreadable_bytes += bytes;
		return 0;
	}
	for (uint64_t off = 0; off < bytes && r == 0; off += BATCH_BYTES)
		r = add_piece(s, at, off,
			      (uint32_t)(bytes - off < BATCH_BYTES ? bytes - off : BATCH_BYTES));
	return r;
}

/*
 * A type that reflect made is an object itself, and what stands in front of a free one may point to
 * any: they are read before the first is forgotten.
 */
static void learn_types(struct scanner *s)
{
	struct type_masks *types = s->g->types;

	for (size_t i = 0; i < s->src->n_spans; i++) {
		const struct object_span *o = &s->g->spans[i];
		const struct go_span *span = &s->src->spans[i];

		if (!o->n || span->noscan || o->elem_size <= SMALL_OBJECT)
			continue;
		if (span->class == 0) {
			type_masks_get(types, span->large_type, span->elem_size);
			continue;
		}
		for (uint64_t k = 0; k < o->n; k++) {
			uint64_t type;

			if (mem_read_u64(s->rt->live, span->base + k * o->elem_size, &type) == 0 &&
			    type)
				type_masks_get(types, type, o->elem_size - 8);
		}
	}
}

/* Each span whose number of objects tells says whether there are inline marks. */
static bool have_inline_marks(const struct object_graph_source *src)
{
	size_t votes[2] = { 0 };

	for (size_t i = 0; i < src->n_spans; i++) {
		const struct go_span *s = &src->spans[i];
		int vote = pointers_inline_marks(s->bytes, s->elem_size, s->n_elems, s->noscan);

		if (vote >= 0)
			votes[vote]++;
	}
	return votes[1] > votes[0];
}

static void scanner_free(struct scanner *s)
{
	free(s->bytes);
	free(s->bitmap);
	free(s->no_more);
	free(s);
}
DEFINE_CLEANUP(struct scanner, scanner_free)

int object_scan(struct go_runtime *rt, const struct object_graph_source *src,
		struct object_graph *g, struct diag *d)
{
	CLEANUP(scanner_free_p) struct scanner *s = calloc(1, sizeof(*s));
	int r = 0;

	if (!s)
		return -ENOMEM;
	s->rt = rt;
	s->src = src;
	s->g = g;
	s->d = d;
	s->form = pointers_form(rt->minor);
	s->bytes = malloc(BATCH_BYTES);
	s->bitmap = malloc(BITMAP_BYTES);
	s->no_more = malloc(NO_MORE_BYTES + 1);
	if (!s->bytes || !s->bitmap || !s->no_more)
		return -ENOMEM;
	if (s->form != POINTERS_TYPES && !src->arenas)
		return diag_fail(d, -EBADMSG, "the index of the heap's arenas was not found");
	g->inline_marks = have_inline_marks(src);
	r = make_room(s);
	if (r == 0 && src->last && s->form == POINTERS_TYPES)
		learn_types(s);
	for (size_t i = 0; i < src->n_spans && r == 0; i++)
		r = add_span(s, (uint32_t)i);
	if (r == 0)
		r = flush(s);
	if (r < 0)
		return r;
	/* The last nodes may have no edges; one more says where the last ones end. */
	if (g->edges.n_inner)
		begin_node(s, g->edges.n_inner - 1);
	g->first[g->edges.n_inner] = (uint32_t)g->n_edges;
	g->bytes += g->n_edges * sizeof(*g->to);
	return 0;
}
