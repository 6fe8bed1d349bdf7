// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/span.h"
#include "goruntime/batch.h"
#include "goruntime/heap_state.h"
#include "model/limits.h"

/* Spans that are taken on at once; and what is read of them at once, which fits into L2. */
#define PORTION 4096
#define ROOM (256u << 10)
/* Readings of the list's head that growing it may cost us. */
#define LIST_TRIES 3
/* Readings of a span that makes no sense, and how many spans are given them: more is no race. */
#define SPAN_TRIES 3
#define SPANS_AGAIN 4096
/* Overlapping spans that are looked up in the arenas' own tables; more than a few is no race. */
#define DISPUTES_MAX 4096

/* runtime/sizeclasses.go: the same in Go 1.18 to 1.27. */
static const uint16_t class_sizes[GO_SIZE_CLASSES] = {
	0,    8,     16,    24,	   32,	  48,	 64,	80,    96,    112,   128,   144,
	160,  176,   192,   208,   224,	  240,	 256,	288,   320,   352,   384,   416,
	448,  480,   512,   576,   640,	  704,	 768,	896,   1024,  1152,  1280,  1408,
	1536, 1792,  2048,  2304,  2688,  3072,	 3200,	3456,  4096,  4864,  5376,  6144,
	6528, 6784,  6912,  8192,  9472,  9728,	 10240, 10880, 12288, 13568, 14336, 16384,
	18432, 19072, 20480, 21760, 24576, 27264, 28672, 32768,
};

uint32_t heap_class_size(unsigned int class)
{
	return class < GO_SIZE_CLASSES ? class_sizes[class] : 0;
}

int heap_slice_read(struct mem *m, uint64_t at, struct heap_slice *ret)
{
	struct heap_slice s;
	int r = mem_read(m, at, &s, sizeof(s));

	if (r < 0)
		return r;
	if (s.len > s.cap || s.cap > GO_ADDRESS_END || s.array >= GO_ADDRESS_END || s.array % 8)
		return -EBADMSG;
	*ret = s;
	return 0;
}

/* Go 1.22: nelems and freeindex, which are neighbours, became two bytes long. */
static uint64_t count_at(const struct go_heap_layout *l, struct span *s, int32_t off)
{
	return l->span_nelems - l->span_freeindex == 2 ? span_u16(s, (uint32_t)off) :
							 span_u64(s, (uint32_t)off);
}

/* Of a span of objects: what its fields say of each other. */
static bool sane_objects(const struct go_span *s, uint64_t n_elems, uint64_t free_index)
{
	if (!n_elems || !s->elem_size || n_elems > s->bytes / s->elem_size)
		return false;
	if (!s->alloc_bits || s->alloc_bits % 8 || s->alloc_bits >= GO_ADDRESS_END)
		return false;
	if (s->class ? s->elem_size != class_sizes[s->class] : n_elems != 1)
		return false;
	return s->alloc_count <= n_elems && free_index <= n_elems;
}

enum heap_span_kind heap_span_parse(const struct go_heap_layout *l, const void *bytes,
				    uint64_t addr, struct go_span *ret)
{
	struct span b = span_of(bytes, (size_t)l->span_size);
	uint64_t pages = span_u64(&b, (uint32_t)l->span_npages), n_elems, free_index;
	uint8_t class = span_u8(&b, (uint32_t)l->span_class);
	struct go_span s = {
		.addr = addr,
		.base = span_u64(&b, (uint32_t)l->span_start),
		.state = span_u8(&b, (uint32_t)l->span_state),
		.bytes = pages << GO_PAGE_SHIFT,
		.elem_size = span_u64(&b, (uint32_t)l->span_elem_size),
		.alloc_count = span_u16(&b, (uint32_t)l->span_alloc_count),
	};

	if (b.overrun || s.state > GO_SPAN_MANUAL)
		return HEAP_SPAN_ABSURD;
	if (s.state == GO_SPAN_DEAD)
		return HEAP_SPAN_DEAD;
	if (!s.base || s.base % GO_PAGE || s.base >= GO_ADDRESS_END || !pages ||
	    pages > (GO_ADDRESS_END - s.base) >> GO_PAGE_SHIFT)
		return HEAP_SPAN_ABSURD;
	if (s.state == GO_SPAN_MANUAL) {
		*ret = s;
		return HEAP_SPAN_OK;
	}

	n_elems = count_at(l, &b, l->span_nelems);
	free_index = count_at(l, &b, l->span_freeindex);
	s.alloc_bits = span_u64(&b, (uint32_t)l->span_alloc_bits);
	s.class = class >> 1;
	s.noscan = class & 1;
	if (l->span_large_type >= 0 && s.class == 0)
		s.large_type = span_u64(&b, (uint32_t)l->span_large_type);
	if (b.overrun || s.class >= GO_SIZE_CLASSES || !sane_objects(&s, n_elems, free_index))
		return HEAP_SPAN_ABSURD;
	s.specials = l->span_specials >= 0 && l->span_specials + 8 <= l->span_size &&
		     span_u64(&b, (uint32_t)l->span_specials);
	s.n_elems = (uint32_t)n_elems;
	s.free_index = (uint32_t)free_index;
	*ret = s;
	return HEAP_SPAN_OK;
}

/* Room for one portion, and how many spans were found so far. */
struct reader {
	struct go_heap *h;
	uint64_t pointers[PORTION];
	struct want wants[PORTION], scratch[PORTION];
	struct mem_req reqs[PORTION];
	uint8_t bytes[ROOM];
	size_t n;
	unsigned int again;	/* spans that were read again */
};

static void reader_free(struct reader *r)
{
	free(r);
}
DEFINE_CLEANUP(struct reader, reader_free)

/* One that changed while it was read makes no sense until it is read again. */
static enum heap_span_kind read_one(struct go_heap *h, uint64_t addr, struct go_span *s)
{
	enum heap_span_kind kind = HEAP_SPAN_ABSURD;
	uint8_t bytes[512];
	size_t len = (size_t)h->layout.span_size;

	for (int i = 0; i < SPAN_TRIES && kind == HEAP_SPAN_ABSURD && len <= sizeof(bytes); i++) {
		if (mem_read(h->rt->live, addr, bytes, len) < 0)
			break;
		kind = heap_span_parse(&h->layout, bytes, addr, s);
	}
	return kind;
}

int go_heap_slots_read(struct mem *m, const struct go_span *span, struct go_slots *ret)
{
	size_t bytes = (span->n_elems + 7) / 8;
	int r = bytes <= sizeof(ret->bits) && span->state == GO_SPAN_IN_USE
			? mem_read(m, span->alloc_bits, ret->bits, bytes)
			: -E2BIG;

	ret->span = *span;
	ret->known = r == 0;
	return r;
}

bool go_heap_slots_free(const struct go_slots *s, uint64_t addr)
{
	uint64_t slot = s->known ? (addr - s->span.base) / s->span.elem_size : 0;

	return s->known && slot < s->span.n_elems && slot >= s->span.free_index &&
	       !(s->bits[slot / 8] >> slot % 8 & 1);
}

bool go_heap_slots_now(struct go_heap *h, const struct go_span *span, struct go_slots *ret)
{
	struct go_span now;

	ret->known = false;
	if (read_one(h, span->addr, &now) != HEAP_SPAN_OK || now.base != span->base ||
	    now.elem_size != span->elem_size)
		return false;
	return go_heap_slots_read(h->rt->live, &now, ret) == 0;
}

static void take(struct reader *r, const struct want *w)
{
	struct go_span *s = &r->h->spans[r->n];
	enum heap_span_kind kind;

	if (!w->at) {
		r->h->dropped.unreadable++;
		return;
	}
	kind = heap_span_parse(&r->h->layout, w->at, w->addr, s);
	if (kind == HEAP_SPAN_ABSURD && r->again < SPANS_AGAIN) {
		r->again++;
		kind = read_one(r->h, w->addr, s);
	}
	switch (kind) {
	case HEAP_SPAN_OK:
		r->n++;
		break;
	case HEAP_SPAN_ABSURD:
		r->h->dropped.absurd++;
		break;
	case HEAP_SPAN_DEAD:
		break;
	}
}

/* The structs that n pointers point to. */
static int read_portion(struct reader *r, size_t n)
{
	size_t k = 0, taken;

	for (size_t i = 0; i < n; i++) {
		if (!r->pointers[i] || r->pointers[i] % 8 || r->pointers[i] >= GO_ADDRESS_END)
			r->h->dropped.absurd++;
		else
			r->wants[k++] = (struct want){ .addr = r->pointers[i],
						       .len = (uint32_t)r->h->layout.span_size };
	}
	batch_sort(r->wants, k, r->scratch);
	for (size_t done = 0; done < k; done += taken) {
		int e = batch_read(r->h->rt->live, r->wants + done, k - done, r->bytes, ROOM,
				   r->reqs, &taken);

		if (e < 0)
			return e;
		for (size_t i = 0; i < taken; i++)
			take(r, &r->wants[done + i]);
	}
	return 0;
}

/*
 * The pointers of one portion. recordspan() (mheap.go) moves the array when it is full and gives
 * the old one back at once; it only ever appends, so an index means the same in both.
 */
static int read_pointers(struct reader *r, struct heap_slice *s, size_t at, size_t n)
{
	uint64_t where = r->h->at.mheap + (uint32_t)r->h->layout.heap_allspans;
	struct heap_slice now;
	int e = mem_read(r->h->rt->live, s->array + 8 * at, r->pointers, 8 * n);

	if (e != -EFAULT)
		return e;
	e = heap_slice_read(r->h->rt->live, where, &now);
	if (e < 0 || now.array == s->array || now.len < at + n)
		return e < 0 ? e : -EFAULT;
	*s = now;
	return mem_read(r->h->rt->live, s->array + 8 * at, r->pointers, 8 * n);
}

/*
 * The list, and how much of it is read. A list without its last entry has just been moved, or is a
 * lie: room is made for no more than is there.
 */
static int find_list(struct go_heap *h, struct heap_slice *s, size_t *len)
{
	uint64_t at = h->at.mheap + (uint32_t)h->layout.heap_allspans, last;
	int r = -EFAULT;

	for (int tries = 0; r == -EFAULT && tries < LIST_TRIES; tries++) {
		r = heap_slice_read(h->rt->live, at, s);
		if (r < 0)
			return r;
		*len = s->len < LIMIT_GO_SPANS ? s->len : LIMIT_GO_SPANS;
		if (*len)
			r = mem_read_u64(h->rt->live, s->array + 8 * (*len - 1), &last);
	}
	h->dropped.beyond += s->len - *len;
	if (r == -EFAULT) {
		h->dropped.unreadable += *len;
		*len = 0;
		r = 0;
	}
	return r;
}

static int read_all(struct reader *r)
{
	struct go_heap *h = r->h;
	struct heap_slice s;
	size_t len;
	int e = find_list(h, &s, &len);

	if (e < 0)
		return e;
	/* Pages of it that stay empty, for spans that are dead, are never touched. */
	h->spans = arena_alloc(h->arena, len ? len : 1, sizeof(*h->spans));
	if (!h->spans)
		return -ENOMEM;
	for (size_t at = 0; at < len; at += PORTION) {
		size_t n = len - at < PORTION ? len - at : PORTION;

		e = read_pointers(r, &s, at, n);
		if (e == -EFAULT || e == -EBADMSG) {
			h->dropped.unreadable += len - at;
			break;
		}
		e = e < 0 ? e : read_portion(r, n);
		if (e < 0)
			return e;
	}
	return 0;
}

/* Brings spans[order[i].index] to i, for all i: cycle by cycle, in place. */
static void permute(struct go_span *spans, struct want *order, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct go_span first = spans[i];
		size_t at = i, from;

		while ((from = order[at].index) != i) {
			spans[at] = spans[from];
			order[at].index = (uint32_t)at;
			at = from;
		}
		spans[at] = first;
		order[at].index = (uint32_t)at;
	}
}

static int sort_spans(struct go_heap *h, size_t n)
{
	struct want *by_base = calloc(n ? n : 1, 2 * sizeof(*by_base));

	if (!by_base)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		by_base[i] = (struct want){ .addr = h->spans[i].base, .index = (uint32_t)i };
	batch_sort(by_base, n, by_base + n);
	permute(h->spans, by_base, n);
	h->n_spans = n;
	free(by_base);
	return 0;
}

static bool confirmed(struct go_heap *h, const struct go_span *s)
{
	uint64_t addr;

	return heap_span_lookup(h, s->base, &addr) == 0 && addr == s->addr;
}

/*
 * A span that was freed after we read it, and one that took its place before we read that, overlap:
 * the arena's table says which one is there now. Where it does not, neither can be believed.
 */
static void settle_overlaps(struct go_heap *h)
{
	struct go_span *s = h->spans;
	size_t n = 0, disputes = 0;

	for (size_t i = 0; i < h->n_spans; i++) {
		bool a, b;

		if (!n || s[i].base >= s[n - 1].base + s[n - 1].bytes) {
			s[n++] = s[i];
			continue;
		}
		a = disputes < DISPUTES_MAX && confirmed(h, &s[n - 1]);
		b = disputes < DISPUTES_MAX && confirmed(h, &s[i]);
		disputes++;
		h->dropped.settled += a != b;
		h->dropped.overlapping += a == b && s[n - 1].addr != s[i].addr ? 2 : 1;
		if (s[n - 1].addr == s[i].addr)
			continue;
		if (a == b)
			n--;
		else if (b)
			s[n - 1] = s[i];
	}
	h->n_spans = n;
}

int go_heap_spans(struct go_heap *h, const struct go_span **ret, size_t *n, struct diag *d)
{
	CLEANUP(reader_free_p) struct reader *r = NULL;
	bool stable;
	int e;

	if (!h->spans) {
		r = calloc(1, sizeof(*r));
		if (!r)
			return -ENOMEM;
		r->h = h;
		h->delta_known = heap_delta_read(h, &h->delta, &stable) == 0 && stable;
		e = read_all(r);
		e = e < 0 ? e : sort_spans(h, r->n);
		if (e < 0) {
			h->spans = NULL;
			return diag_fail(d, e, "the Go heap's spans cannot be read");
		}
		settle_overlaps(h);
	}
	*ret = h->spans;
	*n = h->n_spans;
	return 0;
}
