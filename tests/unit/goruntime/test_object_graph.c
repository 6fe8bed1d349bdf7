// SPDX-License-Identifier: Apache-2.0
/* A heap of a few spans in an array, in each of the forms that the collector's masks have. */
#include "../unit.h"

#include <errno.h>
#include <string.h>

#include "goruntime/object_graph.h"
#include "goruntime/page_map.h"
#include "model/limits.h"

#define HEAP 0xc000000000ull
#define PAGE 8192u
#define TABLES 0x500000ull
/* An arena's record, and the index of arenas, which begins far below for low addresses. */
#define RECORD 0x700000000ull
#define INDEX 0x800000000ull
#define INDEX_AT (INDEX + ((HEAP + (1ull << 47)) >> 26) * 8)

enum { SMALL, BYTES, MIDDLE, LARGE, SPANS };

struct heap {
	uint64_t words[4 * PAGE / 8];	/* one page a span, the large one has two */
	uint64_t more[PAGE / 8];
	uint8_t tables[4096];		/* types and their bits */
	uint8_t bitmap[PAGE];		/* the front of an arena's record */
	uint8_t no_more[64];
	uint64_t record;
	struct go_span spans[SPANS];
	struct go_runtime rt;
	struct mem *mem;
	struct object_graph *g;
	struct diag d;
};

static uint64_t page_at(int i)
{
	return HEAP + (uint64_t)i * PAGE;
}

static uint64_t *word_at(struct heap *h, int page, size_t word)
{
	return &h->words[(size_t)page * (PAGE / 8) + word];
}

static void put_type(struct heap *h, size_t at, uint64_t size, uint64_t ptr_bytes, uint8_t bits)
{
	uint64_t gcdata = TABLES + at + 64;

	memcpy(h->tables + at, &size, 8);
	memcpy(h->tables + at + 8, &ptr_bytes, 8);
	memcpy(h->tables + at + 32, &gcdata, 8);
	h->tables[at + 64] = bits;
}

static void heap_make(struct heap *h, int minor)
{
	const struct go_span in_use = { .state = GO_SPAN_IN_USE };

	memset(h, 0, sizeof(*h));
	h->rt.minor = minor;
	for (int i = 0; i < SPANS; i++) {
		h->spans[i] = in_use;
		h->spans[i].base = page_at(i);
		h->spans[i].bytes = PAGE;
	}
	h->spans[SMALL].elem_size = 32;
	h->spans[SMALL].n_elems = minor < 22 ? 256 : 252;
	h->spans[SMALL].class = 4;
	h->spans[BYTES].elem_size = 64;
	h->spans[BYTES].n_elems = 128;
	h->spans[BYTES].class = 7;
	h->spans[BYTES].noscan = true;
	h->spans[MIDDLE].elem_size = 1024;
	h->spans[MIDDLE].n_elems = 8;
	h->spans[MIDDLE].class = 32;
	h->spans[LARGE].elem_size = h->spans[LARGE].bytes = 2 * PAGE;
	h->spans[LARGE].n_elems = 1;
	for (int i = 0; i < SPANS; i++)
		h->spans[i].alloc_count = h->spans[i].n_elems;
	h->record = RECORD;
}

static int heap_build_within(struct heap *h, uint64_t max_bytes)
{
	const struct mem_range ranges[] = {
		{ HEAP, h->words, sizeof(h->words) + sizeof(h->more) },
		{ TABLES, h->tables, sizeof(h->tables) },
		{ RECORD, h->bitmap, sizeof(h->bitmap) },
		{ RECORD + (1 << 20), h->no_more, sizeof(h->no_more) },
		{ INDEX_AT, &h->record, 8 },
	};
	const struct object_graph_source src = {
		.spans = h->spans, .n_spans = SPANS, .arenas = INDEX, .max_bytes = max_bytes,
	};

	assert_int_equal(mem_array_open(ranges, ARRAY_SIZE(ranges), &h->mem), 0);
	h->rt.live = h->rt.chase = h->mem;
	return object_graph_build(&h->rt, &src, &h->g, &h->d);
}

static void heap_build(struct heap *h)
{
	assert_int_equal(heap_build_within(h, LIMIT_GRAPH_BYTES), 0);
}

static void heap_drop(struct heap *h)
{
	object_graph_free(h->g);
	mem_close(h->mem);
}

static bool points(const struct heap *h, uint64_t from, uint64_t to)
{
	const struct edges *e = &h->g->edges;
	uint32_t node = object_graph_find(h->g, from), other = object_graph_find(h->g, to);

	assert_true(node < e->n_nodes && other < e->n_nodes);
	if (node >= e->n_inner)
		return false;
	for (uint32_t i = e->first[node]; i < e->first[node + 1]; i++)
		if (e->to[i] == other)
			return true;
	return false;
}

static void objects_are_found_by_any_of_their_bytes(void **state)
{
	static struct heap h;
	struct graph_object o;
	uint32_t node;

	(void)state;
	heap_make(&h, 24);
	heap_build(&h);
	assert_int_equal(h.g->edges.n_nodes, 252 + 128 + 8 + 1);
	assert_int_equal(h.g->edges.n_inner, 252 + 8 + 1);
	node = object_graph_find(h.g, page_at(SMALL) + 3 * 32 + 31);
	assert_int_equal(node, 3);
	o = object_graph_object(h.g, node);
	assert_true(o.addr == page_at(SMALL) + 3 * 32 && o.bytes == 32);
	node = object_graph_find(h.g, page_at(BYTES) + 64);
	assert_int_equal(node, 252 + 8 + 1 + 1);
	assert_ptr_equal(object_graph_object(h.g, node).span, &h.spans[BYTES]);
	assert_int_equal(object_graph_find(h.g, page_at(LARGE) + 2 * PAGE - 1),
			 object_graph_find(h.g, page_at(LARGE)));
	/* The bits at the end of the span, the page behind, and what no heap holds. */
	assert_int_equal(object_graph_find(h.g, page_at(SMALL) + 252 * 32), EDGES_NO_NODE);
	assert_int_equal(object_graph_find(h.g, page_at(LARGE) + 2 * PAGE), EDGES_NO_NODE);
	assert_int_equal(object_graph_find(h.g, 0), EDGES_NO_NODE);
	assert_int_equal(object_graph_find(h.g, ~0ull), EDGES_NO_NODE);
	heap_drop(&h);
}

/* Go 1.22: a bit a word at the span's end. */
static void small_objects_point_where_their_bits_say(void **state)
{
	static struct heap h;

	(void)state;
	heap_make(&h, 22);
	*word_at(&h, SMALL, 4) = page_at(BYTES) + 100;
	*word_at(&h, SMALL, 5) = page_at(MIDDLE);	/* no pointer, whatever it looks like */
	*word_at(&h, SMALL, 7) = page_at(SMALL) + 32 * 9;
	*word_at(&h, SMALL, PAGE / 8 - 16) = 1 << 4 | 1 << 7;
	heap_build(&h);
	assert_true(points(&h, page_at(SMALL) + 32, page_at(BYTES) + 64));
	assert_false(points(&h, page_at(SMALL) + 32, page_at(MIDDLE)));
	assert_true(points(&h, page_at(SMALL) + 32, page_at(SMALL) + 32 * 9));
	assert_int_equal(h.g->n_edges, 2);
	heap_drop(&h);
}

/* Go 1.26: fewer objects, and their bits 128 bytes earlier. */
static void inline_marks_move_the_bits(void **state)
{
	static struct heap h;

	(void)state;
	heap_make(&h, 26);
	h.spans[SMALL].n_elems = h.spans[SMALL].alloc_count = (PAGE - 256) / 32;
	h.spans[BYTES].n_elems = h.spans[BYTES].alloc_count = (PAGE - 128) / 64;
	*word_at(&h, SMALL, 4) = page_at(BYTES);
	*word_at(&h, SMALL, PAGE / 8 - 32) = 1 << 4;
	heap_build(&h);
	assert_true(points(&h, page_at(SMALL) + 32, page_at(BYTES)));
	assert_int_equal(h.g->n_edges, 1);
	heap_drop(&h);
}

static void larger_ones_have_their_type_in_front(void **state)
{
	static struct heap h;

	(void)state;
	heap_make(&h, 24);
	put_type(&h, 0, 24, 16, 2);	/* the second of three words */
	*word_at(&h, MIDDLE, 0) = TABLES;
	*word_at(&h, MIDDLE, 1) = page_at(SMALL);
	*word_at(&h, MIDDLE, 2) = page_at(SMALL) + 32;
	*word_at(&h, MIDDLE, 5) = page_at(SMALL) + 64;	/* of the next element */
	/* A type that is none: each word may be a pointer. */
	*word_at(&h, MIDDLE, 128) = 12345;
	*word_at(&h, MIDDLE, 129) = page_at(SMALL) + 96;
	heap_build(&h);
	assert_false(points(&h, page_at(MIDDLE), page_at(SMALL)));
	assert_true(points(&h, page_at(MIDDLE), page_at(SMALL) + 32));
	assert_true(points(&h, page_at(MIDDLE), page_at(SMALL) + 64));
	assert_true(points(&h, page_at(MIDDLE) + 1024, page_at(SMALL) + 96));
	assert_int_equal(h.g->untyped_objects, 2);	/* and the large one */
	assert_true(object_graph_type(h.g, &h.rt, object_graph_find(h.g, page_at(MIDDLE))) ==
		    TABLES);
	for (uint64_t i = 0; i < 6; i++)
		assert_int_equal(object_graph_may_point(h.g, &h.rt, page_at(MIDDLE) + 8 * i),
				 i == 2 || i == 5);
	assert_true(object_graph_may_point(h.g, &h.rt, page_at(MIDDLE) + 1024 + 8));
	assert_true(object_graph_may_point(h.g, &h.rt, page_at(SMALL)));
	assert_true(object_graph_may_point(h.g, &h.rt, 8));
	heap_drop(&h);
}

static void the_largest_have_it_in_their_span(void **state)
{
	static struct heap h;

	(void)state;
	heap_make(&h, 24);
	put_type(&h, 0, 16, 8, 1);
	h.spans[LARGE].large_type = TABLES;
	*word_at(&h, LARGE, 2) = page_at(SMALL);
	*word_at(&h, LARGE, 3) = page_at(SMALL) + 32;
	h.more[PAGE / 8 - 2] = page_at(BYTES);
	heap_build(&h);
	assert_true(points(&h, page_at(LARGE), page_at(SMALL)));
	assert_false(points(&h, page_at(LARGE), page_at(SMALL) + 32));
	assert_true(points(&h, page_at(LARGE), page_at(BYTES)));
	assert_true(object_graph_may_point(h.g, &h.rt, page_at(LARGE) + 16));
	assert_false(object_graph_may_point(h.g, &h.rt, page_at(LARGE) + 24));
	assert_int_equal(h.g->untyped_objects, 0);
	heap_drop(&h);
}

/* Go 1.20: the arena's record has a bit a word. */
static void the_bits_of_an_arena_are_found_by_its_index(void **state)
{
	static struct heap h;

	(void)state;
	heap_make(&h, 20);
	*word_at(&h, SMALL, 4) = page_at(BYTES);
	*word_at(&h, MIDDLE, 0) = page_at(SMALL);
	*word_at(&h, MIDDLE, 64) = page_at(SMALL) + 32;
	h.bitmap[0] = 1 << 4;
	h.bitmap[MIDDLE * PAGE / 64] = 1;
	h.bitmap[MIDDLE * PAGE / 64 + 8] = 1;
	heap_build(&h);
	assert_true(points(&h, page_at(SMALL) + 32, page_at(BYTES)));
	assert_true(points(&h, page_at(MIDDLE), page_at(SMALL)));
	assert_true(points(&h, page_at(MIDDLE), page_at(SMALL) + 32));
	heap_drop(&h);
	/* "No more" behind the first 64 words of that object. */
	h.no_more[MIDDLE * PAGE / 8 / 64 / 8] = 1;
	heap_build(&h);
	assert_true(points(&h, page_at(MIDDLE), page_at(SMALL)));
	assert_false(points(&h, page_at(MIDDLE), page_at(SMALL) + 32));
	heap_drop(&h);
	/* No record of the arena: nothing is known of it. */
	h.record = 0;
	heap_build(&h);
	assert_int_equal(h.g->n_edges, 0);
	assert_int_equal(h.g->unreadable_bytes, 4 * PAGE);
	heap_drop(&h);
}

/* Go 1.18: two bits a word. */
static void pairs_of_bits_are_read_as_well(void **state)
{
	static struct heap h;

	(void)state;
	heap_make(&h, 18);
	*word_at(&h, SMALL, 4) = page_at(BYTES);
	*word_at(&h, SMALL, 8) = page_at(BYTES);
	h.bitmap[1] = 0x11;
	h.bitmap[2] = 0x01;	/* a pointer where nothing is to be scanned */
	heap_build(&h);
	assert_true(points(&h, page_at(SMALL) + 32, page_at(BYTES)));
	assert_int_equal(h.g->n_edges, 1);
	heap_drop(&h);
}

static void closed_are_only_those_that_exist(void **state)
{
	static struct heap h;

	(void)state;
	heap_make(&h, 24);
	heap_build(&h);
	assert_int_equal(object_graph_close(h.g, 12345), 0);
	assert_null(h.g->edges.closed);
	assert_int_equal(object_graph_close(h.g, page_at(SMALL) + 40), 0);
	assert_true(edges_closed(&h.g->edges, 1));
	assert_false(edges_closed(&h.g->edges, 0));
	heap_drop(&h);
}

static void spans_that_cannot_be_hold_nothing(void **state)
{
	static struct heap h;

	(void)state;
	heap_make(&h, 24);
	h.spans[SMALL].elem_size = 0;
	h.spans[BYTES].elem_size = 12;
	h.spans[MIDDLE].n_elems = UINT32_MAX;
	h.spans[LARGE].base = 1ull << 60;
	heap_build(&h);
	assert_int_equal(h.g->edges.n_nodes, 8);
	heap_drop(&h);
	heap_make(&h, 24);
	h.spans[LARGE].bytes = 1ull << 45;
	h.spans[LARGE].n_elems = UINT32_MAX;
	h.spans[LARGE].elem_size = 8;
	assert_int_equal(heap_build_within(&h, LIMIT_GRAPH_BYTES), -E2BIG);
	assert_non_null(strstr(h.d.why, "MiB of memory"));
	heap_drop(&h);
}

static void a_hole_costs_its_own_span_alone(void **state)
{
	static struct heap h;

	(void)state;
	heap_make(&h, 22);
	*word_at(&h, SMALL, 4) = page_at(BYTES);
	*word_at(&h, SMALL, PAGE / 8 - 16) = 1 << 4;
	h.spans[LARGE].base = page_at(100);
	heap_build(&h);
	assert_int_equal(h.g->unreadable_bytes, 2 * PAGE);
	assert_true(points(&h, page_at(SMALL) + 32, page_at(BYTES)));
	heap_drop(&h);
}

static void what_would_take_too_much_memory_is_refused(void **state)
{
	static struct heap h;

	(void)state;
	heap_make(&h, 24);
	assert_int_equal(heap_build_within(&h, 100), -E2BIG);
	heap_drop(&h);
}

/* Of every size class of Go (runtime/sizeclasses.go), each object is found by its first and last. */
static void the_product_of_a_division_is_exact(void **state)
{
	static const uint32_t sizes[] = {
		8,    16,   24,   32,   48,	64,	80,    96,    112,   128,   144,   160,
		176,  192,  208,  224,  240,	256,	288,   320,   352,   384,   416,   448,
		480,  512,  576,  640,  704,	768,	896,   1024,  1152,  1280,  1408,  1536,
		1792, 2048, 2304, 2688, 3072,	3200,	3456,  4096,  4864,  5120,  5376,  6144,
		6528, 6784, 6912, 8192, 9472,	9728,	10240, 10880, 12288, 13568, 14336, 16384,
		18432, 19072, 20480, 21760, 24576, 27264, 28672, 32768,
	};
	static struct heap h;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		uint32_t n = 10 * PAGE / sizes[i];

		heap_make(&h, 24);
		h.spans[LARGE] = (struct go_span){ .base = page_at(3), .bytes = 10 * PAGE,
			.elem_size = sizes[i], .n_elems = n, .class = 1, .noscan = true,
			.state = GO_SPAN_IN_USE };
		heap_build(&h);
		for (uint32_t k = 0; k < n; k++) {
			uint64_t at = page_at(3) + (uint64_t)k * sizes[i];
			uint32_t node = object_graph_find(h.g, at);

			assert_true(object_graph_object(h.g, node).addr == at);
			assert_int_equal(object_graph_find(h.g, at + sizes[i] - 1), node);
		}
		heap_drop(&h);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(objects_are_found_by_any_of_their_bytes),
		cmocka_unit_test(small_objects_point_where_their_bits_say),
		cmocka_unit_test(inline_marks_move_the_bits),
		cmocka_unit_test(larger_ones_have_their_type_in_front),
		cmocka_unit_test(the_largest_have_it_in_their_span),
		cmocka_unit_test(the_bits_of_an_arena_are_found_by_its_index),
		cmocka_unit_test(pairs_of_bits_are_read_as_well),
		cmocka_unit_test(closed_are_only_those_that_exist),
		cmocka_unit_test(spans_that_cannot_be_hold_nothing),
		cmocka_unit_test(a_hole_costs_its_own_span_alone),
		cmocka_unit_test(what_would_take_too_much_memory_is_refused),
		cmocka_unit_test(the_product_of_a_division_is_exact),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
