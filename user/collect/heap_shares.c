// SPDX-License-Identifier: Apache-2.0
#include "collect/heap_shares.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/addrmap.h"
#include "goruntime/gotypes.h"
#include "goruntime/heap.h"

/*
 * Go 1.22: in front of each object that is larger than this and has pointers stands the address of
 * its type (runtime/mbitmap.go, heapBitsInSpan); of an array or slice, that of an element. A large
 * object's stands in its span.
 */
#define HEADER_MINOR 22
#define HEADER_OVER 512
/* The smallest of them is 576 bytes in spans of 8 KiB; the longest span has fewer. */
#define ELEMENTS_MAX 64
#define BATCH 512
#define NO_NAME UINT32_MAX
/* Of a size class with no more of them than this, all are looked at. */
#define FEW 4096
/* Different types that are kept; a program has some 10,000. */
#define TYPES_MAX (1u << 17)

struct shares {
	struct go_runtime *rt;
	struct arena *arena;
	struct heap_share classes[256];	/* by size class: a byte */
	uint64_t stride[256];		/* one in so many spans of the class is looked at */
	uint64_t seen[256];		/* spans of the class so far */
	struct addrmap *known;		/* address of a type -> index in types, or NO_NAME */
	struct heap_share *types;
	size_t n_types, room;
	struct mem_req *reqs;		/* BATCH */
	uint64_t *words;		/* BATCH: what they read */
	uint8_t *of;			/* BATCH: the size class of the object */
	size_t n;			/* headers that wait to be read */
};

static void shares_done(struct shares *s)
{
	addrmap_free(s->known);
	free(s->types);
	free(s->reqs);
	free(s->words);
	free(s->of);
}

/* The type's place among those kept; NO_NAME when it has no name. */
static int type_index(struct shares *s, uint64_t type, uint32_t *ret)
{
	const char *name;

	*ret = NO_NAME;
	if (addrmap_get(s->known, type, ret) == 0 || addrmap_count(s->known) >= TYPES_MAX)
		return 0;
	name = gotype_name(s->rt, type);
	if (name && s->n_types == s->room) {
		size_t room = s->room ? 2 * s->room : 256;
		struct heap_share *more = reallocarray(s->types, room, sizeof(*more));

		if (!more)
			return -ENOMEM;
		s->types = more;
		s->room = room;
	}
	if (name) {
		*ret = (uint32_t)s->n_types;
		s->types[s->n_types++] = (struct heap_share){ .type = name };
	}
	return addrmap_put(s->known, type, *ret);
}

/* An object of that type and size, which stands for those of the spans that are passed over. */
static int count_typed(struct shares *s, uint64_t type, uint8_t class, uint64_t bytes)
{
	struct heap_share *c = &s->classes[class];
	uint64_t n = s->stride[class];
	uint32_t i;
	int r = type_index(s, type, &i);

	if (r < 0 || i == NO_NAME)
		return r;
	/* No more than there are. */
	if (n > c->objects - c->typed_objects)
		n = c->objects - c->typed_objects;
	s->types[i].objects += n;
	s->types[i].bytes += n * bytes;
	c->typed_objects += n;
	c->typed_bytes += n * bytes;
	return 0;
}

/* Reads the headers that were collected. */
static int read_headers(struct shares *s)
{
	int r = s->n ? mem_read_many(s->rt->live, s->reqs, s->n) : 0;

	for (size_t i = 0; r == 0 && i < s->n; i++)
		if (s->reqs[i].err == 0)
			r = count_typed(s, s->words[i], s->of[i],
					s->classes[s->of[i]].object_bytes);
	s->n = 0;
	return r;
}

static int add_header(struct shares *s, uint64_t addr, uint8_t class)
{
	s->reqs[s->n] = (struct mem_req){ .addr = addr,
					  .buf = &s->words[s->n],
					  .len = sizeof(*s->words) };
	s->of[s->n++] = class;
	return s->n == BATCH ? read_headers(s) : 0;
}

static bool has_headers(const struct shares *s, const struct go_span *span)
{
	return s->rt->minor >= HEADER_MINOR && span->class && !span->noscan &&
	       span->elem_size > HEADER_OVER && span->n_elems <= ELEMENTS_MAX;
}

static int span_types(struct shares *s, const struct go_span *span)
{
	struct go_slots slots;
	uint64_t live = 0;
	int r;

	if (!span->class && span->large_type)
		return count_typed(s, span->large_type, 0, span->elem_size);
	if (!has_headers(s, span) || s->seen[span->class]++ % s->stride[span->class])
		return 0;
	r = go_heap_slots_read(s->rt->chase, span, &slots);
	if (r < 0)
		return r == -EFAULT ? 0 : r;
	for (uint32_t i = 0; i < span->n_elems; i++)
		if (!go_heap_slots_free(&slots, span->base + i * span->elem_size))
			live |= 1ull << i;
	/* It was allocated from or swept meanwhile. */
	if ((uint32_t)__builtin_popcountll(live) > span->alloc_count)
		return 0;
	for (uint32_t i = 0; r == 0 && i < span->n_elems; i++) {
		if (live & 1ull << i)
			r = add_header(s, span->base + i * span->elem_size, span->class);
	}
	return r;
}

static int by_bytes(const void *a, const void *b)
{
	const struct heap_share *x = a, *y = b;

	if (x->bytes != y->bytes)
		return x->bytes < y->bytes ? 1 : -1;
	return strcmp(x->type, y->type);
}

static int by_size(const void *a, const void *b)
{
	const struct heap_share *x = a, *y = b;

	return (x->object_bytes > y->object_bytes) - (x->object_bytes < y->object_bytes);
}

static int keep(struct shares *s, struct heap_profile *ret)
{
	struct heap_share *types = arena_alloc(s->arena, s->n_types + 1, sizeof(*types));
	const size_t n = ARRAY_SIZE(s->classes);
	struct heap_share *classes = arena_alloc(s->arena, n, sizeof(*classes));

	if (!types || !classes)
		return -ENOMEM;
	if (s->n_types) {
		qsort(s->types, s->n_types, sizeof(*types), by_bytes);
		memcpy(types, s->types, s->n_types * sizeof(*types));
	}
	ret->types = types;
	ret->n_types = s->n_types;
	ret->classes = classes;
	ret->n_classes = 0;
	for (size_t i = 0; i < n; i++)
		if (s->classes[i].objects)
			classes[ret->n_classes++] = s->classes[i];
	qsort(classes, ret->n_classes, sizeof(*classes), by_size);
	return 0;
}

/* Which spans are looked at, so that hardly more than LIMIT_HEAP_TYPED headers are read. */
static bool set_strides(struct shares *s, const struct go_span *spans, size_t n)
{
	uint64_t of_class[ARRAY_SIZE(s->stride)] = { 0 }, all = 0, stride;

	for (size_t i = 0; i < n; i++) {
		if (spans[i].state != GO_SPAN_IN_USE || !has_headers(s, &spans[i]))
			continue;
		of_class[spans[i].class] += spans[i].alloc_count;
		all += spans[i].alloc_count;
	}
	stride = (all + LIMIT_HEAP_TYPED - 1) / LIMIT_HEAP_TYPED;
	for (size_t i = 0; i < ARRAY_SIZE(s->stride); i++)
		s->stride[i] = of_class[i] > FEW ? stride : 1;
	return stride > 1;
}

static int count_spans(struct shares *s, const struct go_span *spans, size_t n)
{
	int r = 0;

	for (size_t i = 0; i < n; i++) {
		struct heap_share *c = &s->classes[spans[i].class];

		if (spans[i].state != GO_SPAN_IN_USE)
			continue;
		c->object_bytes = spans[i].class ? spans[i].elem_size : 0;
		c->objects += spans[i].alloc_count;
		c->bytes += spans[i].alloc_count * spans[i].elem_size;
	}
	for (size_t i = 0; r == 0 && i < n; i++)
		if (spans[i].state == GO_SPAN_IN_USE)
			r = span_types(s, &spans[i]);
	return r < 0 ? r : read_headers(s);
}

int heap_shares_read(struct go_runtime *rt, struct arena *a, struct heap_profile *ret,
		     struct diag *d)
{
	CLEANUP(arena_free_p) struct arena *scratch = arena_new();
	CLEANUP(shares_done) struct shares s = { .rt = rt, .arena = a };
	const struct go_span *spans;
	struct diag why = DIAG_INIT;
	struct go_heap *heap;
	size_t n;
	int r;

	s.known = addrmap_new();
	s.reqs = calloc(BATCH, sizeof(*s.reqs));
	s.words = calloc(BATCH, sizeof(*s.words));
	s.of = calloc(BATCH, sizeof(*s.of));
	memcache_drop(rt->chase);
	if (!scratch || !s.known || !s.reqs || !s.words || !s.of)
		return -ENOMEM;
	r = go_heap_open(rt, scratch, &heap, &why);
	if (r == 0)
		r = go_heap_spans(heap, &spans, &n, &why);
	if (r == 0) {
		ret->types_estimated = set_strides(&s, spans, n);
		r = count_spans(&s, spans, n);
	}
	if (r == 0)
		return keep(&s, ret);
	if (r != -ESRCH && r != -EPERM && r != -ENOMEM)
		return 0;
	if (d)
		*d = why;
	return r;
}
